use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;

/// So many people, one after the other.
fn of(people: std::ops::Range<u64>) -> Figure {
    let mut figure = Figure::default();
    for citizen in people {
        figure.count(Uuid::from_u128(citizen.into()), 1);
    }
    figure
}

/// So many of each of the people.
fn many(each: u64, people: std::ops::Range<u64>) -> Figure {
    let mut figure = Figure::default();
    people.for_each(|citizen| figure.count(Uuid::from_u128(citizen.into()), each));
    figure
}

/// Numbers of people who are all different, the first of them `from`.
fn counts_from(mut from: u64, numbers: &[u64]) -> Counts<usize> {
    let mut counts = Counts::default();
    for (key, number) in numbers.iter().enumerate() {
        let figure = of(from..from + number);
        counts.total.add(&figure);
        counts.cells.insert(key, figure);
        from += number;
    }
    counts
}

fn counts(numbers: &[u64]) -> Counts<usize> {
    counts_from(0, numbers)
}

/// The tables of these numbers, of people who are all different, and all of them together.
fn tables(each: &[&[u64]]) -> (Vec<Table<usize>>, Counts<usize>) {
    let (mut tables, mut all) = (Vec::new(), Counts::default());
    for (place, numbers) in each.iter().enumerate() {
        let counts = counts_from(1_000 * place as u64, numbers);
        tables.push(Table::new(&counts, &Parts::None));
        all.add(&counts);
    }
    (tables, all)
}

fn numbers(table: &Table<usize>) -> (Vec<Option<u64>>, Option<u64>) {
    (table.cells.values().map(Cell::count).collect(), table.total.count())
}

/// What is told of these numbers, and of their total.
fn told(of: &[u64]) -> (Vec<Option<u64>>, Option<u64>) {
    numbers(&Table::new(&counts(of), &Parts::None))
}

#[test]
fn a_small_number_takes_the_next_smallest_along() {
    for (numbers, cells, total) in [
        (vec![7, 5, 9], vec![Some(7), Some(5), Some(9)], Some(21)),
        (vec![4, 7, 9], vec![None, None, Some(9)], Some(20)),
        (vec![1, 2, 9], vec![None, None, None], Some(12)),
        (vec![2, 3, 9], vec![None, None, Some(9)], Some(14)),
        (vec![3, 0, 9], vec![None, Some(0), None], Some(12)),
        (vec![3, 0, 0], vec![None, None, None], None),
        (vec![1, 2, 0], vec![None, None, None], None),
        (vec![0, 0, 8], vec![Some(0), Some(0), Some(8)], Some(8)),
        (vec![0, 0, 0], vec![Some(0), Some(0), Some(0)], Some(0)),
    ] {
        assert_eq!(told(&numbers), (cells, total), "{numbers:?}");
    }
}

#[test]
fn many_of_few_people_are_hidden() {
    let of_few = many(14, 0..3);
    assert_eq!(Cell::new(of_few.clone(), &Parts::None).count(), None);
    let mut two = counts_from(10, &[0, 9]);
    two.total.add(&of_few);
    two.cells.insert(0, of_few);
    let table = Table::new(&two, &Parts::None);
    assert_eq!(numbers(&table), (vec![None, None], Some(51)));
}

#[test]
fn who_takes_part_twice_is_one() {
    let (one, other) = (Cell::new(of(0..3), &Parts::None), Cell::new(of(0..3), &Parts::None));
    let (third, twice) = (Cell::new(of(2..5), &Parts::None), many(2, 0..3));
    assert_eq!(Cell::new(twice, &Parts::Told(vec![&one, &other])).count(), None);
    let mut five = of(0..3);
    five.add(&of(2..5));
    assert_eq!(Cell::new(five, &Parts::Told(vec![&one, &third])).count(), Some(6));
}

#[test]
fn of_a_hidden_table_nothing_is_listed() {
    let table = Table::new(&counts(&[3, 0, 1]), &Parts::None);
    assert_eq!(table.told().count(), 0);
    assert!((0..9).all(|key| table.cell(&key).is_hidden()), "also what it lacks");
    let table = Table::new(&counts(&[3, 0, 7, 9]), &Parts::None);
    let told: Vec<_> = table.told().map(|(key, cell)| (*key, cell.count())).collect();
    assert_eq!(told, [(3, Some(9))]);
    assert_eq!(table.cell(&9).count(), Some(0));
}

#[test]
fn a_sum_does_not_tell_what_is_hidden_of_a_part() {
    let (parts, all) = tables(&[&[20, 12], &[3, 11]]);
    let whole = Table::new(&all, &Parts::Told(parts.iter().collect()));
    // Each of them minus what the first part tells would be what the other hides.
    assert_eq!(numbers(&whole), (vec![None, None], Some(46)));
    let (parts, all) = tables(&[&[20, 12], &[3, 11], &[2, 14]]);
    let whole = Table::new(&all, &Parts::Told(parts.iter().collect()));
    assert_eq!(numbers(&whole), (vec![None, None], Some(62)));
}

#[test]
fn a_sum_of_sums_does_not_tell_it_either() {
    let unit = |from, numbers: [u64; 2]| {
        let programs = [of(from..from + numbers[0]), of(from + 100..from + 100 + numbers[1])];
        let mut all = programs[0].clone();
        all.add(&programs[1]);
        let programs = programs.map(|figure| Cell::new(figure, &Parts::None));
        (Cell::new(all.clone(), &Parts::Told(programs.iter().collect())), all)
    };
    let ((one, mut all), (other, more)) = (unit(0, [2, 20]), unit(1_000, [1, 30]));
    all.add(&more);
    // 53 less the 20 and 30 of the programs that are told would be three people.
    assert_eq!(Cell::new(all, &Parts::Told(vec![&one, &other])).count(), None);
}

#[test]
fn what_is_shared_is_told_where_it_could_be_added_up() {
    let (parts, all) = tables(&[&[20, 12], &[0, 11]]);
    let whole = Table::new(&all, &Parts::Shared(parts.iter().collect()));
    assert_eq!(numbers(&whole), (vec![Some(20), Some(23)], Some(43)));
    let (parts, all) = tables(&[&[20, 12], &[0, 11], &[3, 11, 9]]);
    let whole = Table::new(&all, &Parts::Shared(parts.iter().collect()));
    assert_eq!(numbers(&whole), (vec![None, Some(34), None], Some(66)));
}

/// A prime, so that everything but 0 divides.
const PRIME: i64 = 1_000_003;

fn inverse(value: i64) -> i64 {
    let (mut result, mut base, mut exponent) = (1, value, PRIME - 2);
    while exponent > 0 {
        if exponent % 2 == 1 {
            result = result * base % PRIME;
        }
        base = base * base % PRIME;
        exponent /= 2;
    }
    result
}

/// What can be had of sums by adding and subtracting them as one likes: rows in echelon form, by the place of their first term.
#[derive(Default)]
struct Known(BTreeMap<usize, Vec<i64>>);

impl Known {
    /// The sum less what is known of it.
    fn rest(&self, sum: &[bool]) -> Vec<i64> {
        let mut rest: Vec<i64> = sum.iter().map(|term| i64::from(*term)).collect();
        for (place, row) in &self.0 {
            let times = rest[*place];
            if times != 0 {
                let terms = rest.iter_mut().zip(row);
                terms.for_each(|(term, known)| *term = (*term + (PRIME - times) * known) % PRIME);
            }
        }
        rest
    }

    fn learn(&mut self, sum: &[bool]) {
        let rest = self.rest(sum);
        if let Some(place) = rest.iter().position(|term| *term != 0) {
            let by = inverse(rest[place]);
            self.0
                .insert(place, rest.iter().map(|term| term * by % PRIME).collect());
        }
    }

    fn is_known(&self, sum: &[bool]) -> bool {
        self.rest(sum).iter().all(|term| *term == 0)
    }
}

/// Which numbers of the programs at units a table is the sum of.
type Of = Vec<(usize, usize)>;

/// Tables of the programs of several units, of each unit, of each program, and of all, as one reader may ask for them one after
/// the other, of people of whom some take part in several: whoever adds and subtracts as they like learns of no small group,
/// neither where it is one number nor where it is that of a program at all units, told or not.
#[test]
fn nobody_learns_of_small_groups_by_subtraction() {
    let mut random = StdRng::seed_from_u64(20_261_123);
    let (mut shown, mut hidden) = (0, 0);
    for round in 0..1_000 {
        let states = random.random_range(2..5);
        let most = random.random_range(3..25);
        let citizens = random.random_range(4..200);
        let mut each: BTreeMap<(usize, usize), (Counts<usize>, Table<usize>)> = BTreeMap::new();
        for unit in 0..random.random_range(1..5) {
            for program in 0..random.random_range(1..4) {
                let mut counts = Counts::default();
                for state in 0..states {
                    for _ in 0..random.random_range(0..most) {
                        counts.count(state, Uuid::from_u128(random.random_range(0..citizens)), 1);
                    }
                }
                let table = Table::new(&counts, &Parts::None);
                each.insert((unit, program), (counts, table));
            }
        }
        let sum = |of: &Of| {
            let mut sum = Counts::default();
            of.iter().for_each(|place| sum.add(&each[place].0));
            sum
        };
        let leaves = |of: &Of| -> Vec<&Table<usize>> { of.iter().map(|place| &each[place].1).collect() };
        let places: Of = each.keys().copied().collect();
        let with = |is: &dyn Fn(&(usize, usize)) -> bool| -> Of { places.iter().copied().filter(is).collect() };
        let units = (0..4)
            .map(|unit| with(&|place| place.0 == unit))
            .filter(|of| !of.is_empty());
        let units: Vec<(Of, Table<usize>)> = units
            .map(|of| (of.clone(), Table::new(&sum(&of), &Parts::Told(leaves(&of)))))
            .collect();
        let programs = (0..3).map(|program| with(&|place| place.1 == program));
        let programs = programs.filter(|of| !of.is_empty());
        let of_units = Parts::Told(units.iter().map(|(_, table)| table).collect());
        let whole = Table::new(&sum(&places), &of_units);
        let mut told: Vec<(Of, Table<usize>)> = each
            .iter()
            .map(|(place, (_, table))| (vec![*place], table.clone()))
            .collect();
        told.extend(programs.map(|of| (of.clone(), Table::new(&sum(&of), &Parts::Shared(leaves(&of))))));
        told.extend(units.clone());
        told.push((places.clone(), whole));

        let terms = |of: &Of, key: Option<usize>| -> Vec<bool> {
            let every = places
                .iter()
                .flat_map(|place| (0..states).map(move |state| (place, state)));
            every
                .map(|(place, state)| of.contains(place) && key.is_none_or(|key| key == state))
                .collect()
        };
        let cells: Vec<(Vec<bool>, &Cell)> = told
            .iter()
            .flat_map(|(of, table)| {
                let cells = (0..states).map(|state| (terms(of, Some(state)), table.cell(&state)));
                cells.chain([(terms(of, None), &table.total)]).collect::<Vec<_>>()
            })
            .collect();
        let mut known = Known::default();
        for (sum, cell) in &cells {
            match cell.count() {
                Some(_) => {
                    shown += 1;
                    known.learn(sum);
                }
                None => hidden += 1,
            }
        }
        for (sum, cell) in &cells {
            assert!(
                !cell.figure.is_small() || !known.is_known(sum),
                "round {round}: {cell:?} is known of {told:#?}"
            );
        }
        for (place, (_, table)) in &each {
            let of = vec![*place];
            let is_told = |state: usize| known.is_known(&terms(&of, Some(state)));
            assert!(
                !table.total.is_hidden() || (0..states).all(|state| !is_told(state)),
                "round {round}: what the few at {place:?} are is known of {told:#?}"
            );
        }
    }
    assert!(
        shown * 2 > hidden,
        "nobody is helped by hiding all: {shown} told, {hidden} hidden"
    );
}
