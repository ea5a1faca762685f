//! The rows as Apache Parquet: the same columns as the CSV, with types.

use crate::error::{StoreError, io_error};
use crate::folder::Draft;
use oomsim_planning::axis::Unit;
use oomsim_planning::measure::{ColumnKind, MEASURES, Value};
use oomsim_planning::plan::Plan;
use oomsim_planning::row::ResultRow;
use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows held in memory before they are written.
const GROUP: usize = 1 << 14;

/// Values of one column waiting to be written; `None` where there is nothing to state.
enum Column {
    Text(Vec<Option<ByteArray>>),
    Int(Vec<Option<i64>>),
    Real(Vec<Option<f64>>),
    Flag(Vec<Option<bool>>),
}

pub(crate) struct Table<'f> {
    path: PathBuf,
    writer: SerializedFileWriter<Draft<'f>>,
    columns: Vec<Column>,
    rows: usize,
}

fn problem(path: &Path) -> impl Fn(ParquetError) -> StoreError + use<> {
    let path = path.to_path_buf();
    move |error| match error {
        ParquetError::External(inner) if inner.is::<std::io::Error>() => match inner.downcast::<std::io::Error>() {
            Ok(inner) => io_error("write", &path)(*inner),
            Err(inner) => io_error("write", &path)(std::io::Error::other(inner)),
        },
        error => io_error("write", &path)(std::io::Error::other(error)),
    }
}

impl<'f> Table<'f> {
    pub(crate) fn create(file: Draft<'f>, plan: &Plan) -> Result<Self, StoreError> {
        let path = file.path().to_path_buf();
        let mut fields: Vec<(String, Column)> = Vec::new();
        let text = || Column::Text(Vec::new());
        fields.push(("run".into(), Column::Int(Vec::new())));
        fields.push(("id".into(), text()));
        fields.push(("seed".into(), Column::Int(Vec::new())));
        for axis in plan.axes() {
            fields.push((
                axis.name.clone(),
                match axis.unit() {
                    Unit::Integer => Column::Int(Vec::new()),
                    Unit::Real => Column::Real(Vec::new()),
                    Unit::Bytes | Unit::Time | Unit::Word => text(),
                },
            ));
            if let Some(name) = axis.number_column() {
                let bytes = axis.unit() == Unit::Bytes;
                fields.push((name, if bytes { Column::Int(Vec::new()) } else { Column::Real(Vec::new()) }));
            }
        }
        for column in MEASURES {
            fields.push((
                column.name.into(),
                match column.kind {
                    ColumnKind::Class | ColumnKind::Text => text(),
                    ColumnKind::Count | ColumnKind::Bytes => Column::Int(Vec::new()),
                    ColumnKind::Seconds => Column::Real(Vec::new()),
                    ColumnKind::Flag => Column::Flag(Vec::new()),
                },
            ));
        }
        let failed = problem(&path);
        let types = fields.iter().map(|(name, column)| column.field(name).map(Arc::new)).collect::<Result<_, _>>();
        let schema = types.and_then(|types| Type::group_type_builder("runs").with_fields(types).build());
        let schema = Arc::new(schema.map_err(&failed)?);
        let created_by = format!("oomsim {}", env!("CARGO_PKG_VERSION"));
        let properties = Arc::new(WriterProperties::builder().set_created_by(created_by).build());
        let writer = SerializedFileWriter::new(file, schema, properties).map_err(&failed)?;
        let columns = fields.into_iter().map(|(_, column)| column).collect();
        Ok(Table { path, writer, columns, rows: 0 })
    }

    pub(crate) fn add(&mut self, row: ResultRow) -> Result<(), StoreError> {
        let mut columns = self.columns.iter_mut();
        for text in [row.run.to_string(), row.id, row.seed.to_string()].into_iter().chain(row.axes) {
            if let Some(column) = columns.next() {
                column.push_text(text);
            }
        }
        for (column, value) in columns.zip(row.measures) {
            column.push(value);
        }
        self.rows += 1;
        if self.rows == GROUP { self.write_group() } else { Ok(()) }
    }

    fn write_group(&mut self) -> Result<(), StoreError> {
        self.rows = 0;
        let failed = problem(&self.path);
        let mut group = self.writer.next_row_group().map_err(&failed)?;
        for column in &mut self.columns {
            column.write(&mut group).map_err(&failed)?;
        }
        group.close().map(drop).map_err(&failed)
    }

    /// Everything is in the file now.
    pub(crate) fn close(mut self) -> Result<Draft<'f>, StoreError> {
        if self.rows > 0 {
            self.write_group()?;
        }
        self.writer.into_inner().map_err(problem(&self.path))
    }
}

impl Column {
    fn field(&self, name: &str) -> Result<Type, ParquetError> {
        let (physical, logical) = match self {
            Column::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Column::Int(_) => (Physical::INT64, None),
            Column::Real(_) => (Physical::DOUBLE, None),
            Column::Flag(_) => (Physical::BOOLEAN, None),
        };
        let builder = Type::primitive_type_builder(name, physical).with_logical_type(logical);
        builder.with_repetition(Repetition::OPTIONAL).build()
    }

    fn push(&mut self, value: Value) {
        match self {
            Column::Text(list) => list.push(match value {
                Value::Text(text) => Some(text.as_str().into()),
                _ => None,
            }),
            Column::Int(list) => list.push(match value {
                Value::Number(n) => Some(n),
                _ => None,
            }),
            Column::Real(list) => list.push(match value {
                Value::Number(n) => Some(n as f64 / 1e9),
                _ => None,
            }),
            Column::Flag(list) => list.push(match value {
                Value::Flag(b) => Some(b),
                _ => None,
            }),
        }
    }

    fn push_text(&mut self, text: String) {
        match self {
            Column::Text(list) => list.push(Some(text.as_str().into())),
            Column::Int(list) => list.push(text.parse().ok()),
            Column::Real(list) => list.push(text.parse().ok()),
            Column::Flag(list) => list.push(text.parse().ok()),
        }
    }

    fn write(&mut self, group: &mut SerializedRowGroupWriter<'_, Draft<'_>>) -> Result<(), ParquetError> {
        let Some(mut writer) = group.next_column()? else { return Ok(()) };
        /// Which values are there, and those that are.
        fn split<T>(list: &mut Vec<Option<T>>) -> (Vec<i16>, Vec<T>) {
            let there = list.iter().map(|v| i16::from(v.is_some())).collect();
            (there, list.drain(..).flatten().collect())
        }
        match self {
            Column::Text(list) => {
                let (there, values) = split(list);
                writer.typed::<ByteArrayType>().write_batch(&values, Some(&there), None)?;
            }
            Column::Int(list) => {
                let (there, values) = split(list);
                writer.typed::<Int64Type>().write_batch(&values, Some(&there), None)?;
            }
            Column::Real(list) => {
                let (there, values) = split(list);
                writer.typed::<DoubleType>().write_batch(&values, Some(&there), None)?;
            }
            Column::Flag(list) => {
                let (there, values) = split(list);
                writer.typed::<BoolType>().write_batch(&values, Some(&there), None)?;
            }
        }
        writer.close()
    }
}
