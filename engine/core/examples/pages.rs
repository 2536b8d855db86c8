//! Reads a store under one policy of mapping and prints what that cost, as JSON; `bench/pages` runs it once for each
//! cell of its study.
//!
//! `pages STORE COLLECTION POLICY PAGE ACCESS < HASHES`, where POLICY is `engine` (as it is), `normal`, `random`,
//! `sequential`, `willneed` (that advice for every mapping) or `pread` (no mappings); PAGE the page size that layout
//! and advice are told, 0 for the system's; ACCESS `random` (a get of each hash), `scan` (all records in batches),
//! `rows` (all records one by one) or `mixed` (a batch, some gets, a batch, ...).

use std::error::Error;
use std::io::{self, BufRead};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lakebed_core::{Hash, Options, ScanRequest, Seq, Store};
use lakebed_testkit::Unmapped;
use lakebed_vfs::{Advice, OsVfs, force_advice, pretend_page_size};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Rows between the gets of `mixed`.
const STEP: u64 = 2000;

/// What this process has cost so far: page faults without and with a read, and bytes read from the disk.
#[derive(Clone, Copy)]
struct Cost {
    minor: u64,
    major: u64,
    read: u64,
}

impl Cost {
    fn now() -> Outcome<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat")?;
        // The name before may hold anything; numbers follow its closing bracket.
        let (_, numbers) = stat.rsplit_once(')').ok_or("/proc/self/stat")?;
        let numbers: Vec<&str> = numbers.split_whitespace().collect();
        let number =
            |at: usize| -> Outcome<u64> { Ok(numbers.get(at).ok_or("/proc/self/stat")?.parse()?) };
        let io = std::fs::read_to_string("/proc/self/io")?;
        let read = io
            .lines()
            .find_map(|line| line.strip_prefix("read_bytes: "))
            .ok_or("/proc/self/io")?;
        Ok(Self {
            minor: number(7)?,
            major: number(9)?,
            read: read.parse()?,
        })
    }

    fn since(self, before: Self) -> String {
        format!(
            "\"minor\": {}, \"major\": {}, \"read\": {}",
            self.minor - before.minor,
            self.major - before.major,
            self.read - before.read
        )
    }
}

/// Bytes of records read, and the time each get took.
#[derive(Default)]
struct Done {
    bytes: u64,
    gets: Vec<Duration>,
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, collection, policy, page, access] = arguments.as_slice() else {
        return Err("pages STORE COLLECTION POLICY PAGE ACCESS < HASHES".into());
    };
    let hashes = io::stdin()
        .lock()
        .lines()
        .map(|line| Ok(line?.parse()?))
        .collect::<Outcome<Vec<Hash>>>()?;
    let page: usize = page.parse()?;
    let _pretended = (page > 0).then(|| pretend_page_size(page));
    force_advice(match policy.as_str() {
        "engine" | "pread" => None,
        "normal" => Some(Advice::Normal),
        "random" => Some(Advice::Random),
        "sequential" => Some(Advice::Sequential),
        "willneed" => Some(Advice::WillNeed),
        other => return Err(format!("no policy is called {other}").into()),
    });
    let options = Options {
        // A scan keeps the frames it is in; gets hardly find one.
        cache_bytes: 1 << 20,
        threads: 1,
        ..Options::read_only()
    };

    let before = Cost::now()?;
    let start = Instant::now();
    let directory = OsVfs::new(Path::new(path));
    let store = if policy == "pread" {
        Store::open_on(Arc::new(Unmapped(Arc::new(directory))), options)?
    } else {
        Store::open_on(Arc::new(directory), options)?
    };
    let opening = start.elapsed();
    let opened = Cost::now()?;
    let start = Instant::now();
    let mut done = read(&store, collection, access, &hashes)?;
    let reading = start.elapsed();
    let after = Cost::now()?;
    report(
        &mut done,
        opening,
        opened.since(before),
        reading,
        after.since(opened),
    );
    Ok(())
}

fn read(store: &Store, collection: &str, access: &str, hashes: &[Hash]) -> Outcome<Done> {
    let mut done = Done::default();
    let all = Seq(0)..Seq(u64::MAX);
    match access {
        "random" => get(store, hashes, &mut done)?,
        "scan" => done.bytes = scan(store, collection, all)?,
        "rows" => {
            let mut rows = store.rows(collection, all)?;
            while let Some(row) = rows.next() {
                done.bytes += rows.blob(&row?)?.len() as u64;
            }
        }
        "mixed" => {
            let end = store.snapshot()?.next_seq(collection)?.0;
            let steps = usize::try_from(end.div_ceil(STEP))?.max(1);
            let mut rest = hashes.chunks(hashes.len().div_ceil(steps).max(1));
            for start in (0..end).step_by(STEP as usize) {
                done.bytes += scan(store, collection, Seq(start)..Seq(start + STEP))?;
                get(store, rest.next().unwrap_or_default(), &mut done)?;
            }
        }
        other => return Err(format!("no access is called {other}").into()),
    }
    Ok(done)
}

fn get(store: &Store, hashes: &[Hash], done: &mut Done) -> Outcome<()> {
    for hash in hashes {
        let start = Instant::now();
        let bytes = store.get(hash)?.len();
        done.gets.push(start.elapsed());
        done.bytes += bytes as u64;
    }
    Ok(())
}

fn scan(store: &Store, collection: &str, range: std::ops::Range<Seq>) -> Outcome<u64> {
    let request = ScanRequest {
        columns: Some(vec!["_json".to_owned()]),
        range: Some(range),
        ..ScanRequest::of(collection)
    };
    let mut bytes = 0;
    for batch in store.scan(&request)? {
        bytes += batch?.get_array_memory_size() as u64;
    }
    Ok(bytes)
}

#[expect(clippy::print_stdout, reason = "it is a program")]
fn report(done: &mut Done, opening: Duration, opened: String, reading: Duration, cost: String) {
    done.gets.sort_unstable();
    let at = |part: usize| {
        let index = done.gets.len() * part / 100;
        done.gets.get(index).map_or_else(
            || "null".to_owned(),
            |time| format!("{:.3}", time.as_secs_f64() * 1e6),
        )
    };
    println!(
        "{{\"open\": {{\"us\": {:.1}, {opened}}}, \"work\": {{\"seconds\": {:.6}, \"bytes\": {}, \"gets\": {}, \"p50_us\": {}, \"p99_us\": {}, {cost}}}}}",
        opening.as_secs_f64() * 1e6,
        reading.as_secs_f64(),
        done.bytes,
        done.gets.len(),
        at(50),
        at(99),
    );
}
