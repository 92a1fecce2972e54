//! The words for how it was before and after planned activities.

use super::Language;
use crate::definition::{Pick, RatingFact, RatingOf};

impl Language {
    /// What a rating is called, in the middle of a sentence.
    pub(super) fn rating(self, of: &RatingFact) -> String {
        // In Swedish what there are several of is named otherwise than several that are pointed out.
        let (one, many, those) = match of.of {
            RatingOf::After | RatingOf::Before => (
                self.pick("rating", "skattningen"),
                self.pick("ratings", "skattningar"),
                self.pick("ratings", "skattningarna"),
            ),
            RatingOf::Difference => (
                self.pick("difference in rating", "skillnaden i skattning"),
                self.pick("differences in rating", "skillnader i skattning"),
                self.pick("differences in rating", "skillnaderna i skattning"),
            ),
        };
        let when = match of.of {
            RatingOf::After => self.pick("after an activity", "efter en aktivitet"),
            RatingOf::Before => self.pick("before an activity", "före en aktivitet"),
            RatingOf::Difference => self.pick("from before to after an activity", "från före till efter en aktivitet"),
        };
        let (what, noun) = match (of.pick, of.last) {
            (Pick::Latest, _) => (self.pick("the latest", "den senaste"), one),
            (Pick::First, _) => (self.pick("the first", "den första"), one),
            (Pick::Previous, _) => (self.pick("the previous", "den föregående"), one),
            (Pick::Mean, None) => (self.pick("the mean of all", "medelvärdet av alla"), many),
            (Pick::Max, None) => (self.pick("the highest", "den högsta"), one),
            (Pick::Min, None) => (self.pick("the lowest", "den lägsta"), one),
            (Pick::Mean, Some(_)) => (
                self.pick("the mean of the last {}", "medelvärdet av de senaste {}"),
                those,
            ),
            (Pick::Max, Some(_)) => (
                self.pick("the highest of the last {}", "den högsta av de senaste {}"),
                those,
            ),
            (Pick::Min, Some(_)) => (
                self.pick("the lowest of the last {}", "den lägsta av de senaste {}"),
                those,
            ),
            (
                Pick::ChangeFromFirst
                | Pick::PercentChangeFromFirst
                | Pick::ChangeFromPrevious
                | Pick::PercentChangeFromPrevious
                | Pick::ReliableChange,
                _,
            ) => (self.pick("the change of the", "förändringen av"), one),
        };
        let last = of.last.unwrap_or_default().to_string();
        format!("{} {noun} {when}{}", what.replace("{}", &last), self.since(of.pick))
    }
}
