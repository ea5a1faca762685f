//! Diagnoses of containers whose causes are known: simulated ones, drawn ones that go through the files which users
//! bring, and described ones.

mod cases;
mod causes;
mod distract;
mod drawn;
mod files;
mod measured;
mod simulated;
