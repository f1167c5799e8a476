//! Plans for tests.

use std::collections::BTreeMap;

use crate::config::environment::Environment;
use crate::config::plan::Plan;
use crate::config::read::read;
use crate::config::report::Report;
use crate::config::source::MemoryFiles;

/// The plan of a text, which has no errors.
pub(crate) fn plan(text: &str) -> Plan {
    let files = MemoryFiles(BTreeMap::from([("a".to_owned(), text.as_bytes().to_vec())]));
    let mut report = Report::default();
    let plan = read(&["a".to_owned()], &files, &mut Environment::default(), &mut report);
    let errors: Vec<_> = report.faults.iter().filter(|fault| fault.advice.is_none()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    plan
}

/// The same for one `listen` (proxy 0) with these lines.
pub(crate) fn listen(lines: &str) -> Plan {
    plan(&format!("listen l\nbind 127.0.0.1:80\n{lines}\n"))
}
