//! The example, scraped by a real Prometheus that evaluates our rules over it.

use std::process::Stdio;

use aegis_core::testkit::soon;
use aegis_prometheus::own::{FAMILIES, Kind, RULES};
use tokio::process::{Child, Command};

use super::promtool::{file, found, promtool};

#[path = "../../../examples/exporter.rs"]
#[allow(dead_code)]
mod example;

/// A server that scrapes one target as the job aegis, and itself.
struct Server {
    address: String,
    _folder: tempfile::TempDir,
    _process: Child,
}

impl Server {
    async fn start(target: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        let config = serde_json::json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [file("rules/aegis.yml")],
            "scrape_configs": [
                {"job_name": "aegis", "static_configs": [{"targets": [target]}]},
                {"job_name": "prometheus", "static_configs": [{"targets": [&address]}]},
            ],
        });
        let path = folder.path().join("prometheus.yml");
        std::fs::write(&path, config.to_string()).unwrap();
        drop(free);
        let started = Command::new("prometheus")
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let process = found("prometheus", started);
        let server = Self { address, _folder: folder, _process: process };
        soon("ready", async || tokio::net::TcpStream::connect(&server.address).await.is_ok()).await;
        server
    }

    /// The answer to a query, one series a line.
    fn asked(&self, query: &str) -> Vec<String> {
        let said = promtool(&["query", "instant", &format!("http://{}", self.address), query], "");
        said.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_sees_every_family_of_the_example_and_has_no_alert_about_a_healthy_one() {
    let exporter = example::Exporter::start("127.0.0.1:0").await.unwrap();
    let server = Server::start(&exporter.address.to_string()).await;
    exporter.heal("mean").await.unwrap();
    let healed =
        "aegis_incidents_ended_total{job=\"aegis\", service=\"shop\", end=\"Healed\"} == 1";
    soon("scraped", async || server.asked(healed).len() == 1).await;

    let seen = server.asked("count by (__name__) ({job=\"aegis\", __name__=~\"aegis_.+\"})");
    for family in FAMILIES {
        let name = match family.kind {
            Kind::Histogram(_) => format!("{}_bucket", family.name),
            _ => family.name.to_owned(),
        };
        let name = format!("{name} => ");
        assert!(seen.iter().any(|line| line.starts_with(&name)), "no {name} in {seen:#?}");
    }

    let evaluated = "prometheus_rule_group_rules and prometheus_rule_group_iterations_total > 1";
    soon("evaluated", async || !server.asked(evaluated).is_empty()).await;
    let rules = server.asked("prometheus_rule_group_rules");
    let all = format!("=> {} ", RULES.matches("- alert:").count());
    assert!(rules.len() == 1 && rules[0].contains(&all), "{rules:?}");
    let failed = server.asked("prometheus_rule_evaluation_failures_total > 0");
    assert!(failed.is_empty(), "{failed:?}");
    let firing = server.asked("ALERTS{alertstate=\"firing\"}");
    assert!(firing.is_empty(), "{firing:?}");
}
