//! One GraphQL request as it comes over HTTP or the socket, read and measured before anything is executed.

use async_graphql::{Request, ServerError, Variables, parser::types::OperationType};
use serde_json::{Map, Value};

use crate::{
    limits::{self, Limits},
    operation,
};

/// The longest operation name that is kept; longer ones are cut where they are logged.
const NAME: usize = 100;

/// A request that is well-formed, whatever its document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    query: String,
    operation_name: Option<String>,
    variables: Map<String, Value>,
}

/// A request whose document is GraphQL and within the limits.
#[derive(Debug)]
pub struct Prepared {
    /// The request with its parsed document.
    pub request: Request,
    /// Query, mutation or subscription.
    pub kind: OperationType,
    /// The operation's name, for the logs.
    pub name: String,
}

impl Asked {
    /// Reads the parameters of a request: `query`, `operationName`, `variables` and `extensions`.
    ///
    /// # Errors
    /// Which parameter is missing or of the wrong type, in words for the client's developer.
    pub fn read(parameters: Value) -> Result<Self, String> {
        let mut parameters = match parameters {
            Value::Object(parameters) => parameters,
            Value::Array(_) => return Err("Batches are not served: send one request at a time.".to_owned()),
            _ => return Err("A GraphQL request is a JSON object with \"query\".".to_owned()),
        };
        let query = match parameters.remove("query") {
            Some(Value::String(query)) => query,
            Some(_) => return Err("\"query\" must be a string.".to_owned()),
            None => return Err("\"query\" is missing: it holds the GraphQL document.".to_owned()),
        };
        let operation_name = match parameters.remove("operationName") {
            None | Some(Value::Null) => None,
            // Several clients send an empty name for none.
            Some(Value::String(name)) => Some(name).filter(|name| !name.is_empty()),
            Some(_) => return Err("\"operationName\" must be a string.".to_owned()),
        };
        let mut object = |name: &str| match parameters.remove(name) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(object)) => Ok(object),
            Some(_) => Err(format!("\"{name}\" must be an object.")),
        };
        let variables = object("variables")?;
        object("extensions")?;
        Ok(Self {
            query,
            operation_name,
            variables,
        })
    }

    /// Parses the document within the limits.
    ///
    /// # Errors
    /// Why it cannot be executed, with `extensions.code`.
    pub fn prepare(self, limits: &Limits) -> Result<Prepared, Box<ServerError>> {
        let mut document = limits::parse(&self.query, limits)?;
        let kind = operation::meant(&document, self.operation_name.as_deref())?.ty;
        let name = self.operation_name.clone().or_else(|| only_name(&document));
        operation::keep(&mut document, self.operation_name.as_deref());
        let mut request = Request::new("").variables(Variables::from_json(Value::Object(self.variables)));
        request.operation_name = self.operation_name;
        request.set_parsed_query(document);
        Ok(Prepared {
            request,
            kind,
            name: name.unwrap_or_else(|| kind.to_string()).chars().take(NAME).collect(),
        })
    }
}

fn only_name(document: &async_graphql::parser::types::ExecutableDocument) -> Option<String> {
    let (name, _) = document.operations.iter().next()?;
    name.map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_of_the_wrong_type_are_named() {
        for (parameters, word) in [
            (json!([]), "Batches"),
            (json!("{ a }"), "JSON object"),
            (json!({}), "\"query\" is missing"),
            (json!({ "query": 1 }), "\"query\""),
            (json!({ "query": "{ a }", "operationName": 1 }), "\"operationName\""),
            (json!({ "query": "{ a }", "variables": [] }), "\"variables\""),
            (json!({ "query": "{ a }", "extensions": "x" }), "\"extensions\""),
        ] {
            let message = Asked::read(parameters).unwrap_err();
            assert!(message.contains(word), "{message}");
        }
    }

    #[test]
    fn nulls_and_an_empty_name_count_as_missing() {
        let parameters =
            json!({ "query": "query A { a }", "operationName": "", "variables": null, "extensions": null });
        let prepared = Asked::read(parameters).unwrap().prepare(&Limits::default()).unwrap();
        assert_eq!((prepared.kind, prepared.name.as_str()), (OperationType::Query, "A"));
    }
}
