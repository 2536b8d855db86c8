//! Parses the SQL names of types: those that [`DataType`] writes, and DuckDB's aliases of them.

use std::str::FromStr;

use super::types::{DataType, Field};
use crate::quoted::quoted;

/// The greatest nesting that is accepted; a schema has no deeper type.
const MAX_DEPTH: usize = 64;

impl FromStr for DataType {
    type Err = String;

    /// # Errors
    /// Half a sentence that says what is wrong with the text.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut parser = Parser {
            rest: text,
            depth: 0,
        };
        let data_type = parser.data_type()?;
        parser.skip_blanks();
        if parser.rest.is_empty() {
            Ok(data_type)
        } else {
            Err(format!("{} follows a whole type", quoted(parser.rest)))
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    /// Skips blanks and passes `wanted`, if that is next; whether it was.
    fn takes(&mut self, wanted: char) -> bool {
        self.skip_blanks();
        let after = self.rest.strip_prefix(wanted);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.takes(wanted) {
            return Ok(());
        }
        Err(match self.rest {
            "" => format!("it ends where {wanted:?} is missing"),
            rest => format!("{wanted:?} is missing before {rest}", rest = quoted(rest)),
        })
    }

    fn word(&mut self) -> &'a str {
        self.skip_blanks();
        let end = self
            .rest
            .find(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// The name of a field, quoted or plain.
    fn name(&mut self) -> Result<String, String> {
        if !self.takes('"') {
            let word = self.word();
            return if word.is_empty() {
                Err(format!(
                    "a field's name is missing before {}",
                    quoted(self.rest)
                ))
            } else {
                Ok(word.to_owned())
            };
        }
        let mut name = String::new();
        loop {
            let Some((part, rest)) = self.rest.split_once('"') else {
                return Err("the quote of a field's name is not closed".to_owned());
            };
            name.push_str(part);
            self.rest = rest;
            match rest.strip_prefix('"') {
                Some(rest) => {
                    name.push('"');
                    self.rest = rest;
                }
                None => return Ok(name),
            }
        }
    }

    fn data_type(&mut self) -> Result<DataType, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("it nests more than {MAX_DEPTH} levels"));
        }
        let mut data_type = self.element()?;
        while self.takes('[') {
            self.expect(']')?;
            data_type = DataType::List(Box::new(data_type));
        }
        self.depth -= 1;
        Ok(data_type)
    }

    fn element(&mut self) -> Result<DataType, String> {
        let word = self.word();
        Ok(match word.to_ascii_uppercase().as_str() {
            "BOOLEAN" | "BOOL" | "LOGICAL" => DataType::Boolean,
            "BIGINT" | "INT8" | "INT64" | "LONG" => DataType::BigInt,
            "UBIGINT" | "UINT64" => DataType::UBigInt,
            "HUGEINT" | "INT128" => DataType::HugeInt,
            "DOUBLE" | "FLOAT8" => DataType::Double,
            "VARCHAR" | "TEXT" | "STRING" => DataType::Varchar,
            "DATE" => DataType::Date,
            "TIMESTAMPTZ" => DataType::TimestampTz,
            "TIMESTAMP" | "DATETIME" => self.timestamp()?,
            "JSON" => DataType::Json,
            "STRUCT" | "ROW" => self.fields()?,
            "MAP" => self.map()?,
            "" => return Err("a type is missing".to_owned()),
            _ => {
                return Err(format!(
                    "{word} is none of BOOLEAN, BIGINT, UBIGINT, HUGEINT, DOUBLE, VARCHAR, DATE, TIMESTAMP, TIMESTAMPTZ, JSON, \
                     STRUCT(...), MAP(VARCHAR, ...) and lists of them",
                    word = quoted(word)
                ));
            }
        })
    }

    fn timestamp(&mut self) -> Result<DataType, String> {
        let before = self.rest;
        if !self.word().eq_ignore_ascii_case("WITH") {
            self.rest = before;
            return Ok(DataType::Timestamp);
        }
        for wanted in ["TIME", "ZONE"] {
            if !self.word().eq_ignore_ascii_case(wanted) {
                return Err("TIMESTAMP WITH is to go on with TIME ZONE".to_owned());
            }
        }
        Ok(DataType::TimestampTz)
    }

    fn fields(&mut self) -> Result<DataType, String> {
        self.expect('(')?;
        let mut fields: Vec<Field> = Vec::new();
        loop {
            let name = self.name()?;
            if fields.iter().any(|f| f.name.eq_ignore_ascii_case(&name)) {
                return Err(format!(
                    "the STRUCT has two fields {name}",
                    name = quoted(name)
                ));
            }
            let data_type = self.data_type()?;
            fields.push(Field {
                name,
                data_type,
                rest: false,
            });
            if !self.takes(',') {
                self.expect(')')?;
                return Ok(DataType::Struct(fields));
            }
        }
    }

    fn map(&mut self) -> Result<DataType, String> {
        self.expect('(')?;
        if self.data_type()? != DataType::Varchar {
            return Err("the keys of a MAP are VARCHAR".to_owned());
        }
        self.expect(',')?;
        let value = self.data_type()?;
        self.expect(')')?;
        Ok(DataType::Map(Box::new(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::DataType;

    fn read(text: &str) -> Result<DataType, String> {
        text.parse()
    }

    #[test]
    fn what_a_type_writes_is_read() {
        for text in [
            "BOOLEAN",
            "TIMESTAMP WITH TIME ZONE[]",
            "STRUCT(\"a b\" BIGINT, \"say \"\"c\"\"\" MAP(VARCHAR, DOUBLE[])[])",
            "MAP(VARCHAR, STRUCT(\"x\" JSON))",
        ] {
            assert_eq!(read(text).unwrap().to_string(), text);
        }
        assert_eq!(
            read(" struct( a int64 , b text [ ] )"),
            read("STRUCT(\"a\" BIGINT, \"b\" VARCHAR[])")
        );
        assert_eq!(read("timestamp"), Ok(DataType::Timestamp));
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "a type is missing"),
            ("INTEGER", "\"INTEGER\" is none of"),
            ("BIGINT x", "\"x\" follows"),
            ("BIGINT[3]", "']' is missing before \"3]\""),
            ("STRUCT(a BIGINT", "it ends where ')' is missing"),
            ("STRUCT(a BIGINT, A DATE)", "two fields"),
            ("STRUCT(\"a BIGINT)", "not closed"),
            ("MAP(BIGINT, DATE)", "keys of a MAP"),
            ("TIMESTAMP WITH ZONE", "TIME ZONE"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
        assert!(
            read(&"STRUCT(a ".repeat(1000))
                .unwrap_err()
                .contains("levels")
        );
    }
}
