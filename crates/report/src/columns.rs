//! `series.parquet` and `pods.parquet`: memory over time in columns, as Apache Parquet.

use crate::samples::Samples;
use crate::{Out, WriteError, csv};
use oomsim_core::node_api::Name;
use oomsim_core::record::{PodSample, Sample};
use oomsim_core::units::Bytes;
use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use std::sync::Arc;

/// Rows held in memory before they are written.
const GROUP: usize = 1 << 16;

/// Columns of `pods.parquet`.
pub const POD_COLUMNS: &[(&str, &str)] = &[
    ("t", "seconds since the run began"),
    ("pod", "`namespace/name`"),
    ("usage", "charged memory of the pod's cgroup"),
    ("working_set", "usage less inactive file cache"),
];

fn failed(why: ParquetError) -> WriteError {
    match why {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(inner) => WriteError::Io(*inner),
            Err(inner) => WriteError::Table(inner.to_string()),
        },
        why => WriteError::Table(why.to_string()),
    }
}

/// A file with these columns: seconds are doubles, names texts, everything else whole numbers.
fn file<'a>(out: Out<'a>, columns: &[(&str, &str)]) -> Result<SerializedFileWriter<Out<'a>>, ParquetError> {
    let field = |(name, _): &(&str, &str)| {
        let (physical, logical) = match *name {
            "t" | "memory_waiting_seconds" => (Physical::DOUBLE, None),
            "pod" => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            _ => (Physical::INT64, None),
        };
        let builder = Type::primitive_type_builder(name, physical).with_logical_type(logical);
        builder.with_repetition(Repetition::REQUIRED).build().map(Arc::new)
    };
    let fields = columns.iter().map(field).collect::<Result<_, _>>()?;
    let schema = Arc::new(Type::group_type_builder("series").with_fields(fields).build()?);
    let created_by = format!("oomsim {}", env!("CARGO_PKG_VERSION"));
    let properties = Arc::new(WriterProperties::builder().set_created_by(created_by).build());
    SerializedFileWriter::new(out, schema, properties)
}

fn put<T: DataType>(group: &mut SerializedRowGroupWriter<'_, Out<'_>>, values: &[T::T]) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else { return Ok(()) };
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
}

fn whole(amount: Bytes) -> i64 {
    i64::try_from(amount.get()).unwrap_or(i64::MAX)
}

/// The node's memory under way: the columns of `series.csv` before those of the pods.
pub struct NodeTable<'a> {
    file: SerializedFileWriter<Out<'a>>,
    /// Samples that are not written yet, without pods.
    rows: Vec<Sample>,
}

impl<'a> NodeTable<'a> {
    /// Begins the file.
    ///
    /// # Errors
    /// When writing fails.
    pub fn new(out: Out<'a>) -> Result<Self, WriteError> {
        Ok(NodeTable { file: file(out, csv::COLUMNS).map_err(failed)?, rows: Vec::new() })
    }

    fn write(&mut self) -> Result<(), ParquetError> {
        let amounts: [fn(&Sample) -> i64; 8] = [
            |s| s.available,
            |s| whole(s.working_set),
            |s| whole(s.mem_available),
            |s| whole(s.mem_free),
            |s| whole(s.swap_used),
            |s| whole(s.committed_as),
            |s| whole(s.kubepods_usage),
            |s| whole(s.kubepods_working_set),
        ];
        let rows = std::mem::take(&mut self.rows);
        let mut group = self.file.next_row_group()?;
        put::<DoubleType>(&mut group, &rows.iter().map(|s| s.at.as_secs_f64()).collect::<Vec<_>>())?;
        for amount in amounts {
            put::<Int64Type>(&mut group, &rows.iter().map(amount).collect::<Vec<_>>())?;
        }
        put::<DoubleType>(&mut group, &rows.iter().map(|s| s.waited.as_secs_f64()).collect::<Vec<_>>())?;
        group.close().map(drop)
    }
}

impl Samples for NodeTable<'_> {
    fn take(&mut self, sample: &Sample) -> Result<(), WriteError> {
        self.rows.push(Sample { pods: Vec::new(), processes: Vec::new(), ..*sample });
        if self.rows.len() == GROUP { self.write().map_err(failed) } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), WriteError> {
        let written = if self.rows.is_empty() { Ok(()) } else { self.write() };
        written.and_then(|()| self.file.close()).map(drop).map_err(failed)
    }
}

/// The pods' memory under way: a row for each pod that has a cgroup, at each instant.
pub struct PodTable<'a> {
    file: SerializedFileWriter<Out<'a>>,
    names: Vec<ByteArray>,
    /// Rows that are not written yet.
    rows: Vec<(f64, PodSample)>,
}

impl<'a> PodTable<'a> {
    /// Begins the file; `pods` are those of the run.
    ///
    /// # Errors
    /// When writing fails.
    pub fn new(pods: &[Name], out: Out<'a>) -> Result<Self, WriteError> {
        let names = pods.iter().map(|name| ByteArray::from(&**name)).collect();
        Ok(PodTable { file: file(out, POD_COLUMNS).map_err(failed)?, names, rows: Vec::new() })
    }

    fn write(&mut self) -> Result<(), ParquetError> {
        let rows = std::mem::take(&mut self.rows);
        let name = |pod: u32| self.names.get(pod as usize).cloned().unwrap_or_default();
        let mut group = self.file.next_row_group()?;
        put::<DoubleType>(&mut group, &rows.iter().map(|(at, _)| *at).collect::<Vec<_>>())?;
        put::<ByteArrayType>(&mut group, &rows.iter().map(|(_, pod)| name(pod.pod)).collect::<Vec<_>>())?;
        put::<Int64Type>(&mut group, &rows.iter().map(|(_, pod)| whole(pod.usage)).collect::<Vec<_>>())?;
        put::<Int64Type>(&mut group, &rows.iter().map(|(_, pod)| whole(pod.working_set)).collect::<Vec<_>>())?;
        group.close().map(drop)
    }
}

impl Samples for PodTable<'_> {
    fn take(&mut self, sample: &Sample) -> Result<(), WriteError> {
        let at = sample.at.as_secs_f64();
        self.rows.extend(sample.pods.iter().map(|pod| (at, *pod)));
        if self.rows.len() >= GROUP { self.write().map_err(failed) } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), WriteError> {
        let written = if self.rows.is_empty() { Ok(()) } else { self.write() };
        written.and_then(|()| self.file.close()).map(drop).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::{Field, Row};
    use std::collections::BTreeMap;

    fn rows(bytes: Vec<u8>) -> Vec<Row> {
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        reader.get_row_iter(None).unwrap().map(|row| row.unwrap()).collect()
    }

    fn fields(row: &Row) -> BTreeMap<String, String> {
        let text = |name: &str, value: &Field| match value {
            Field::Double(t) if name == "t" => format!("{t:.6}"),
            Field::Double(seconds) => seconds.to_string(),
            Field::Long(n) => n.to_string(),
            Field::Str(text) => text.clone(),
            other => other.to_string(),
        };
        row.get_column_iter().map(|(name, value)| (name.clone(), text(name, value))).collect()
    }

    /// Both files together say what `series.csv` says.
    #[test]
    fn tables_have_the_figures_of_the_csv() {
        let history = crate::testdata::oom2();
        let (mut text, mut node, mut pods) = (Vec::new(), Vec::new(), Vec::new());
        let names = &history.series.pods;
        let tables: [Box<dyn Samples>; 3] = [
            Box::new(csv::Table::new(names, &mut text).unwrap()),
            Box::new(NodeTable::new(&mut node).unwrap()),
            Box::new(PodTable::new(names, &mut pods).unwrap()),
        ];
        for mut table in tables {
            history.series.samples.iter().for_each(|sample| table.take(sample).unwrap());
            table.finish().unwrap();
        }
        let text = String::from_utf8(text).unwrap();
        let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
        let names = lines.next().unwrap();
        let (node, mut pods) = (rows(node), rows(pods).into_iter().map(|row| fields(&row)).peekable());
        assert_eq!(node.len(), history.series.samples.len());
        for (line, row) in lines.zip(node) {
            let row = fields(&row);
            let (of_node, of_pods) = line.split_at(csv::COLUMNS.len());
            for (name, value) in names.iter().zip(of_node) {
                assert_eq!(&row[name], value, "{name} at {}", line[0]);
            }
            let mut expected: Vec<(String, String)> = names[csv::COLUMNS.len()..]
                .iter()
                .cloned()
                .zip(of_pods.iter().cloned())
                .filter(|(_, value)| !value.is_empty())
                .collect();
            expected.sort();
            let mut found = Vec::new();
            while let Some(pod) = pods.next_if(|pod| pod["t"] == line[0] && found.len() < expected.len()) {
                found.push((pod["pod"].clone(), pod["working_set"].clone()));
            }
            found.sort();
            assert_eq!(found, expected, "at {}", line[0]);
        }
        assert!(pods.next().is_none());
    }
}
