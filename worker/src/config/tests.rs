//! The configuration as its users meet it: sources, problems, and the documentation that is held to the code.

use std::{path::Path, time::Duration};

use entity::files::Place;

use super::*;

/// Reads a file with this text, an environment and flags, as a process would.
fn read(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("handrail.toml");
    std::fs::write(&path, file).unwrap();
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    let sources = Sources {
        file: Some(path),
        environment: owned(environment),
        flags: owned(flags),
    };
    Config::read(&sources).map_err(|mut error| {
        for problem in &mut error.problems {
            problem.message = problem.message.replace(&folder.path().display().to_string(), "");
        }
        error
    })
}

fn problems(file: &str, environment: &[(&str, &str)]) -> String {
    read(file, environment, &[]).unwrap_err().to_string()
}

#[test]
fn the_example_is_the_defaults() {
    assert_eq!(read(EXAMPLE, &[], &[]).unwrap(), Config::default());
}

#[test]
fn the_example_shows_every_key() {
    for section in [
        "database",
        "http",
        "limits",
        "auth",
        "keys",
        "redis",
        "mail",
        "attachments",
        "worker",
        "log",
    ] {
        let error = read(&format!("[{section}]\nnonsense = 1\n"), &[], &[]).unwrap_err();
        let message = &error.problems[0].message;
        let known = message.split_once("known here: ").unwrap().1;
        let known = known.split(" (in").next().unwrap();
        for key in known.split(", ") {
            let map = EXAMPLE.contains(&format!("[{section}.{key}]"));
            assert!(
                map || load::example(&format!("{section}.{key}")).is_some(),
                "{section}.{key}"
            );
        }
    }
}

#[test]
fn every_commented_key_of_the_example_is_one() {
    let mut section = "";
    for line in EXAMPLE.lines() {
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = header;
        }
        let Some((key, value)) = line.strip_prefix("# ").and_then(|line| line.split_once(" = ")) else {
            continue;
        };
        if key.contains(' ') {
            continue;
        }
        if let Err(error) = read(&format!("[{section}]\n{key} = {value}\n"), &[], &[]) {
            let text = error.to_string();
            assert!(
                !text.contains("is not a key") && !text.contains("must be"),
                "{section}.{key}: {text}"
            );
        }
    }
}

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let file = "[http]\nlisten = \"127.0.0.1:1\"\ntimeout = \"1s\"\n[log]\nlevel = \"warn\"\n";
    let environment = [
        ("HANDRAIL_HTTP__LISTEN", "127.0.0.1:2"),
        ("HANDRAIL_HTTP__TIMEOUT", "2s"),
        ("PATH", "/bin"),
    ];
    let config = read(file, &environment, &[("http.listen", "127.0.0.1:3")]).unwrap();
    assert_eq!(config.http.listen.port(), 3);
    assert_eq!(config.http.timeout, Duration::from_secs(2));
    assert_eq!(config.log.level, "warn");
}

#[test]
fn the_environment_reads_numbers_lists_and_texts_as_the_key_needs() {
    let environment = [
        ("HANDRAIL_DATABASE__CONNECTIONS", "4"),
        ("HANDRAIL_WORKER__EMBEDDED", "false"),
        ("HANDRAIL_HTTP__ALLOWED_ORIGINS", "https://a.example, https://b.example"),
        ("HANDRAIL_MAIL__MODE", "smtp"),
        ("HANDRAIL_MAIL__HOST", "localhost"),
        ("HANDRAIL_MAIL__USERNAME", "0123"),
        ("HANDRAIL_MAIL__PASSWORD", "00123e4"),
        ("HANDRAIL_REDIS__URL", ""),
    ];
    let config = read("", &environment, &[]).unwrap();
    assert_eq!(config.database.connections, 4);
    assert!(!config.worker.embedded);
    assert_eq!(config.http.allowed_origins, ["https://a.example", "https://b.example"]);
    assert_eq!(config.mail.username.as_deref(), Some("0123"));
    assert_eq!(config.mail.password, Some(Secret::new("00123e4")));
    assert_eq!(config.redis.url, None);
}

#[test]
fn every_problem_is_named_at_once() {
    let file = r#"
        colour = "red"
        [database]
        url = "mysql://root:hunter2@db/handrail"
        connections = "many"
        [http]
        listen = "8800"
        timeout = 30
        allowed_origins = ["app.example/path"]
        [mail]
        mode = "pigeon"
        pasword = "hunter2"
        [auth]
        algorithms = ["HS256"]
        [worker]
        tick = "90s"
        [redis]
        url = "localhost"
        [log]
        level = "info,=="
    "#;
    insta::assert_snapshot!(problems(
        file,
        &[("HANDRAIL_MAIL__TIMEOUT", "soon"), ("HANDRAIL_HTPP__LISTEN", "x")]
    ));
}

#[test]
fn production_must_be_given_what_development_makes_up() {
    insta::assert_snapshot!(problems(
        "[auth]\ndevelopment_issuer = true\n",
        &[("HANDRAIL_ENV", "production")]
    ));
}

#[test]
fn a_password_never_travels_in_the_clear() {
    let file =
        "[mail]\nmode = \"smtp\"\nhost = \"smtp.example\"\nsecurity = \"none\"\nusername = \"u\"\npassword = \"p\"\n";
    insta::assert_snapshot!(problems(file, &[]));
}

#[test]
fn production_that_has_everything_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let secret = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("{text}\n")).unwrap();
        path.display().to_string()
    };
    let file = format!(
        "env = \"production\"\n\
         [database]\nurl_file = \"{}\"\n\
         [http]\npublic_url = \"https://handrail.example/\"\n\
         [auth]\nissuer = \"https://login.example\"\njwks_url = \"https://login.example/keys\"\n\
         [keys]\ncurrent = \"2026\"\n[keys.files]\n2026 = \"{}\"\n\
         [mail]\nmode = \"smtp\"\nhost = \"smtp.example\"\nusername = \"u\"\npassword_file = \"{}\"\n",
        secret("url", "postgres://u:p@db.example/handrail"),
        secret("key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        secret("password", " p "),
    );
    let config = read(&file, &[], &[]).unwrap();
    assert_eq!(config.database.url.expose(), "postgres://u:p@db.example/handrail");
    assert_eq!(config.mail.password, Some(Secret::new(" p ")));
    assert_eq!(config.keyring().unwrap().current(), "2026");
    assert_eq!(config.public_url(), "https://handrail.example");
    assert!(!config.has_development_issuer() && !config.has_graphiql());
    assert!(config.warnings().is_empty());
}

#[test]
fn a_forgotten_environment_does_not_open_the_house() {
    let issuer = "issuer = \"https://login.example\"\njwks_url = \"https://login.example/keys\"";
    let reachable = "[http]\nlisten = \"0.0.0.0:8800\"\n";
    let asked_for = "development_issuer = true";

    let alone = read("", &[], &[]).unwrap();
    assert!(alone.has_development_issuer() && alone.has_graphiql() && alone.warnings().is_empty());

    let config = read(&format!("[auth]\n{issuer}\n"), &[], &[]).unwrap();
    assert!(!config.has_development_issuer() && !config.has_graphiql());
    let [warning] = config.warnings()[..] else {
        panic!("not one warning")
    };
    assert!(warning.contains("demo") && warning.contains(asked_for), "{warning}");

    let refused = problems(reachable, &[]);
    assert!(
        refused.contains("auth.issuer") && refused.contains(asked_for),
        "{refused}"
    );

    for file in [
        format!("[auth]\n{issuer}\n{asked_for}\n"),
        format!("{reachable}[auth]\n{asked_for}\n"),
    ] {
        let config = read(&file, &[], &[]).unwrap();
        assert!(config.has_development_issuer() && config.has_graphiql() && config.warnings().is_empty());
    }
    let off = read(&format!("[auth]\n{issuer}\ndevelopment_issuer = false\n"), &[], &[]).unwrap();
    assert!(!off.has_development_issuer() && off.warnings().is_empty());
}

#[test]
fn what_kubernetes_says_of_a_service_is_passed_over() {
    let environment = [
        ("HANDRAIL_PORT", "tcp://10.0.0.1:8800"),
        ("HANDRAIL_PORT_8800_TCP_ADDR", "10.0.0.1"),
        ("HANDRAIL_SERVICE_HOST", "10.0.0.1"),
        ("HANDRAIL_TEST_POSTGRES", "postgres://localhost"),
        ("HANDRAIL_CONFIG", "handrail.toml"),
    ];
    assert_eq!(read("", &environment, &[]).unwrap(), Config::default());
}

#[test]
fn names_of_keys_keep_their_case_in_the_environment() {
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let environment = [
        ("HANDRAIL_KEYS__CURRENT", "Autumn__2026"),
        ("HANDRAIL_KEYS__VALUES__Autumn__2026", key),
        ("HANDRAIL_KEYS__VALUES__spring", key),
    ];
    let config = read("", &environment, &[]).unwrap();
    assert_eq!(
        config.keys.values.keys().collect::<Vec<_>>(),
        ["Autumn__2026", "spring"]
    );
    assert_eq!(config.keyring().unwrap().current(), "Autumn__2026");
    let missing = problems("", &[("HANDRAIL_KEYS__FILES__Old", "/nowhere/key")]);
    assert!(missing.contains("keys.files.Old"), "{missing}");
}

#[test]
fn secrets_are_refused_on_the_command_line() {
    let refused = [
        ("mail.password", "hunter2"),
        ("attachments.secret_access_key", "hunter2"),
        ("keys.values.a", "hunter2"),
        ("database.url", "postgres://u:hunter2@db/handrail"),
        ("database.url", "postgres://u:hunter2/@x@db/handrail"),
        ("database.url", "postgres://db/handrail?user=u&password=hunter2"),
        ("redis.url", "redis://:hunter2@redis"),
    ];
    for (key, value) in refused {
        let error = read("", &[], &[(key, value)]).unwrap_err().to_string();
        let variable = format!("HANDRAIL_{}", key.replace('.', "__").to_uppercase());
        assert!(error.contains("command lines"), "{key}: {error}");
        assert!(
            error.to_uppercase().contains(&variable) && error.contains("file"),
            "{key}: {error}"
        );
        assert!(!error.contains("hunter2"), "{key}: {error}");
    }
    for (key, value) in [
        ("database.url", "postgres://u@db:5432/handrail"),
        ("database.url", "sqlite:other.db"),
        ("redis.url", "redis://redis:6379"),
    ] {
        read("", &[], &[(key, value)]).unwrap();
    }
}

#[test]
fn a_worker_does_not_stop_in_the_middle_of_a_message() {
    let error = problems("[mail]\ntimeout = \"30s\"\n[worker]\nstop_within = \"30s\"\n", &[]);
    assert!(
        error.contains("worker.stop_within") && error.contains("mail.timeout"),
        "{error}"
    );
}

#[test]
fn secrets_are_never_printed() {
    let environment = [
        ("HANDRAIL_DATABASE__URL", "postgres://u:hunter2@db/handrail"),
        ("HANDRAIL_REDIS__URL", "redis://:hunter2@redis"),
        ("HANDRAIL_MAIL__PASSWORD", "hunter2"),
    ];
    // The user name is missing, so this is refused.
    let error = problems("[mail]\nmode = \"smtp\"\nhost = \"h\"\n", &environment);
    assert!(!error.contains("hunter2"), "{error}");
    let config = read("", &environment, &[]).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let broken = problems("[mail]\npassword = \"hunter2\nuser = 1\n", &[]);
    assert!(!broken.contains("hunter2") && broken.contains("line 2"), "{broken}");
    let number = problems("[mail]\npassword = 20012002\n", &[]);
    assert!(!number.contains("20012002"), "{number}");
}

#[test]
fn the_name_of_a_key_without_any_key_is_refused_in_development_too() {
    let refused = problems("[keys]\ncurrent = \"2026\"\n", &[]);
    assert!(refused.contains("keys.current"), "{refused}");
    assert!(refused.contains("keys.files"), "{refused}");
}

#[test]
fn broken_keys_and_files_that_cannot_be_read_are_named() {
    let file = "[database]\nurl = \"sqlite:a.db\"\nurl_file = \"/nowhere/url\"\n\
                [keys]\ncurrent = \"c\"\n[keys.values]\na = \"c2hvcnQ=\"\n[keys.files]\nb = \"/nowhere/key\"\n";
    insta::assert_snapshot!(problems(file, &[]));
}

#[test]
fn a_file_that_was_named_must_exist() {
    let sources = Sources {
        file: Some("/nowhere/handrail.toml".into()),
        ..Sources::default()
    };
    let error = Config::read(&sources).unwrap_err().to_string();
    assert!(error.contains("/nowhere/handrail.toml cannot be read"), "{error}");
}

#[test]
fn what_development_makes_stands_beside_the_database() {
    for (url, folder) in [
        ("sqlite:handrail.db", ""),
        ("sqlite://data/handrail.db?mode=rwc", "data"),
        ("sqlite:///srv/handrail.db", "/srv"),
        ("postgres://db/handrail", ""),
    ] {
        let config = read("", &[("HANDRAIL_DATABASE__URL", url)], &[]).unwrap();
        assert_eq!(config.folder(), Path::new(folder), "{url}");
    }
}

#[test]
fn a_bucket_is_given_whole_or_not_at_all() {
    let environment = [
        ("HANDRAIL_ATTACHMENTS__BUCKET", "s3://handrail/files"),
        ("HANDRAIL_ATTACHMENTS__ACCESS_KEY_ID", "handrail"),
        ("HANDRAIL_ATTACHMENTS__SECRET_ACCESS_KEY", "hunter2"),
    ];
    let config = read("", &environment, &[]).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let Place::Bucket(bucket) = config.attachments.place() else {
        panic!("a folder")
    };
    assert_eq!((bucket.name.as_str(), bucket.prefix.as_str()), ("handrail", "files"));
    assert_eq!((bucket.region.as_str(), bucket.endpoint), ("us-east-1", None));
    assert_eq!(bucket.secret_access_key, "hunter2");

    let alone = problems("", &environment[..1]);
    for key in ["attachments.access_key_id", "attachments.secret_access_key"] {
        assert!(alone.contains(key), "{alone}");
    }
    // Otherwise files would stay on this machine, and nobody notice.
    let forgotten = problems("", &environment[1..]);
    assert!(forgotten.contains("attachments.bucket"), "{forgotten}");
    let wrong = "[attachments]\nbucket = \"handrail\"\nendpoint = \"https://me:hunter2@minio.example\"\nregion = \"\"\n\
                 connect_timeout = \"0s\"\n";
    let wrong = problems(wrong, &environment[1..]);
    for key in ["bucket", "endpoint", "region", "connect_timeout"] {
        assert!(wrong.contains(&format!("attachments.{key}:")), "{wrong}");
    }
    assert!(!wrong.contains("hunter2"), "{wrong}");
}
