//! Who asks. Every query takes a viewer and reads only what that viewer may see.

use std::{
    collections::BTreeSet,
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{assignment::Role, unit};

/// Who asks, for one request: an identity with its roles, the name of the operation, and the trail of whom it read.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// The identity.
    pub who: Who,
    /// The name of the operation, for the access log.
    pub operation: Arc<str>,
    /// Whose data was read so far.
    trail: Arc<Mutex<BTreeSet<Uuid>>>,
}

/// An identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A citizen, about themself.
    Citizen {
        /// The citizen.
        id: Uuid,
    },
    /// A guardian, about those they act for.
    Guardian {
        /// The guardian.
        id: Uuid,
        /// The citizens that they act for now.
        citizens: Vec<Uuid>,
    },
    /// A staff member acting at one unit.
    Staff {
        /// The staff member.
        id: Uuid,
        /// The unit.
        unit: Uuid,
        /// The provider of the unit.
        provider: Uuid,
        /// The roles at that unit.
        roles: Vec<Role>,
    },
    /// Handrail itself.
    System,
}

/// What a viewer may do with citizens' data beyond seeing that an enrollment exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// See enrollments of the unit and who takes part.
    SeeCitizens,
    /// Start, end and hand over enrollments.
    Administer,
    /// See answers, results, flags and messages, and act in a treatment.
    Treat,
    /// Write rules of the unit and its programs.
    WriteRules,
}

impl Viewer {
    /// A viewer for one request.
    pub fn new(who: Who, operation: &str) -> Self {
        Self {
            who,
            operation: operation.into(),
            trail: Arc::default(),
        }
    }

    /// Handrail itself, which sees everything and is not logged as a reader.
    pub fn system() -> Self {
        Self::new(Who::System, "system")
    }

    /// The actor that this viewer's changes are recorded under.
    pub fn actor(&self) -> Actor {
        match self.who {
            Who::Citizen { id } => Actor::Citizen(id),
            Who::Guardian { id, .. } => Actor::Guardian(id),
            Who::Staff { id, .. } => Actor::Staff(id),
            Who::System => Actor::System,
        }
    }

    /// The unit that the viewer acts at.
    pub fn unit(&self) -> Option<Uuid> {
        match self.who {
            Who::Staff { unit, .. } => Some(unit),
            _ => None,
        }
    }

    /// The staff member, where it is one.
    pub fn staff(&self) -> Option<Uuid> {
        match self.who {
            Who::Staff { id, .. } => Some(id),
            _ => None,
        }
    }

    /// Whether the viewer's roles allow it. Citizens and guardians have none of these; what is their own they see anyway.
    pub fn may(&self, permission: Permission) -> bool {
        match &self.who {
            Who::System => true,
            Who::Citizen { .. } | Who::Guardian { .. } => false,
            Who::Staff { roles, .. } => roles.iter().any(|role| match permission {
                Permission::SeeCitizens | Permission::Administer => {
                    matches!(role, Role::Therapist | Role::CitizenAdministrator)
                }
                Permission::Treat => *role == Role::Therapist,
                Permission::WriteRules => {
                    matches!(role, Role::Therapist | Role::UnitAdministrator | Role::Designer)
                }
            }),
        }
    }

    /// Whether the viewer is staff with this role at the unit that they act at, or Handrail itself.
    pub fn has_role(&self, role: Role) -> bool {
        match &self.who {
            Who::System => true,
            Who::Staff { roles, .. } => roles.contains(&role),
            Who::Citizen { .. } | Who::Guardian { .. } => false,
        }
    }

    /// Whether the viewer looks after a care provider: its administrators do, and Handrail itself.
    pub fn administers_provider(&self, provider: Uuid) -> bool {
        match &self.who {
            Who::System => true,
            Who::Staff {
                provider: own, roles, ..
            } => *own == provider && roles.contains(&Role::ProviderAdministrator),
            Who::Citizen { .. } | Who::Guardian { .. } => false,
        }
    }

    /// Whether the viewer looks after a unit: its administrators and those of its provider do, and Handrail itself.
    pub fn administers_unit(&self, of: &unit::Model) -> bool {
        self.administers_provider(of.provider_id)
            || (self.unit() == Some(of.id) && self.has_role(Role::UnitAdministrator))
    }

    /// Whether the viewer looks after a care provider or the unit of it that they act at.
    pub fn administers_at(&self, provider: Uuid) -> bool {
        let at_a_unit = match &self.who {
            Who::Staff {
                provider: own, roles, ..
            } => *own == provider && roles.contains(&Role::UnitAdministrator),
            _ => false,
        };
        at_a_unit || self.administers_provider(provider)
    }

    /// Whether the viewer may see answers, results, flags and messages of the enrollments that are visible to them.
    pub fn sees_health(&self) -> bool {
        !matches!(self.who, Who::Staff { .. }) || self.may(Permission::Treat)
    }

    /// Whether the viewer may read why this actor did something: what staff write they write for one another.
    pub fn reads_reason_of(&self, actor: Actor) -> bool {
        match self.who {
            Who::Staff { .. } | Who::System => true,
            Who::Citizen { .. } | Who::Guardian { .. } => matches!(actor, Actor::Citizen(_) | Actor::Guardian(_)),
        }
    }

    /// Which of the staff an actor is, for their colleagues; none for everybody else.
    pub fn colleague(&self, actor: Actor) -> Option<Uuid> {
        match (&self.who, actor) {
            (Who::Staff { .. } | Who::System, Actor::Staff(id)) => Some(id),
            _ => None,
        }
    }

    /// Notes that a citizen's data was read. Queries call this for every row that they hand out.
    pub fn saw(&self, citizen: Uuid) {
        if self.who != Who::System {
            self.trail
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(citizen);
        }
    }

    /// Takes the citizens whose data was read since the last call.
    pub fn take_trail(&self) -> BTreeSet<Uuid> {
        std::mem::take(&mut self.trail.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Who changed something, as it is stored: `STAFF:<id>`, `RULE:<firing>` …
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Actor {
    /// A citizen.
    Citizen(Uuid),
    /// A guardian.
    Guardian(Uuid),
    /// A staff member.
    Staff(Uuid),
    /// A rule, by its firing.
    Rule(Uuid),
    /// Handrail itself.
    System,
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Citizen(id) => write!(formatter, "CITIZEN:{id}"),
            Self::Guardian(id) => write!(formatter, "GUARDIAN:{id}"),
            Self::Staff(id) => write!(formatter, "STAFF:{id}"),
            Self::Rule(id) => write!(formatter, "RULE:{id}"),
            Self::System => formatter.write_str("SYSTEM"),
        }
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        actor.to_string()
    }
}

impl FromStr for Actor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, id) = text.split_once(':').unwrap_or((text, ""));
        let id = || Uuid::parse_str(id).map_err(|_| "an actor's id is not a UUID".to_owned());
        match kind {
            "CITIZEN" => Ok(Self::Citizen(id()?)),
            "GUARDIAN" => Ok(Self::Guardian(id()?)),
            "STAFF" => Ok(Self::Staff(id()?)),
            "RULE" => Ok(Self::Rule(id()?)),
            "SYSTEM" => Ok(Self::System),
            _ => Err("an actor's kind is not known".to_owned()),
        }
    }
}

impl TryFrom<String> for Actor {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}
