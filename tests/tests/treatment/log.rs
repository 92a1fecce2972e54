//! The access log: everything that was read and changed of the citizen stands in it, with who did it.

use std::collections::BTreeMap;

use entity::{
    access_log::{self, AccessAction},
    staff,
};
use sea_orm::EntityTrait;

use crate::script::{Script, Who};

impl Script {
    /// Every operation that somebody sent about the citizen is in the log as often as it was sent, under their name.
    pub async fn compare_log(&self) {
        let connection = self.app.store.connection();
        let rows = entity::enrollment::Entity::find().all(connection).await.unwrap();
        let is_it = |row: &&entity::enrollment::Model| {
            api::graphql::id(api::graphql::Kind::Enrollment, row.id).as_str() == self.enrollment
        };
        let citizen = rows.iter().find(is_it).expect("the treatment").citizen_id;
        let people = staff::Entity::find().all(connection).await.unwrap();
        let viewer = |who: Who| match who {
            Who::Citizen(_) => format!("CITIZEN:{citizen}"),
            Who::Staff(subject) => {
                let of_subject = people.iter().find(|row| row.subject == subject).expect(subject);
                format!("STAFF:{}", of_subject.id)
            }
        };
        let rows = access_log::Entity::find().all(connection).await.unwrap();
        let mut logged: BTreeMap<(String, String), usize> = BTreeMap::new();
        for row in rows
            .iter()
            .filter(|row| row.citizen_id == citizen && row.action.0 == AccessAction::Read)
        {
            *logged.entry((row.viewer.clone(), row.operation.clone())).or_default() += 1;
        }
        let mut sent: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (who, operation) in &self.sent {
            *sent.entry((viewer(*who), operation.clone())).or_default() += 1;
        }
        let is_change = |operation: &str| {
            self.used
                .iter()
                .any(|used| crate::operations::pascal(used) == operation)
        };
        for ((who, operation), times) in sent {
            let found = logged
                .get(&(who.clone(), operation.clone()))
                .copied()
                .unwrap_or_default();
            if is_change(&operation) {
                continue;
            }
            assert_eq!(found, times, "{operation} by {who} in the access log");
        }
        // What was changed is logged as changed, once each although everything was sent twice.
        let changed = rows
            .iter()
            .filter(|row| row.citizen_id == citizen && row.action.0 == AccessAction::Change);
        let mut changes: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for row in changed {
            *changes
                .entry((row.viewer.as_str(), row.operation.as_str()))
                .or_default() += 1;
        }
        for ((who, operation), times) in changes {
            let by = |(sender, name): &&(Who, String)| name == operation && viewer(*sender) == who;
            let most = match operation {
                // What the unit wrote to all is brought to each citizen by and by, in the name of who wrote it.
                "sendMessageToAll" => self.thread.to_all.len(),
                _ => self.sent.iter().filter(by).count(),
            };
            assert!(
                times <= most,
                "{operation} by {who}: {times} changes are logged of {most}"
            );
        }
    }
}
