//! An Alertmanager that tells receivers at once.

use std::fmt::Write as _;

use tempfile::TempDir;

use super::Server;

#[derive(Debug)]
pub(crate) struct Alertmanager {
    pub(crate) server: Server,
    _folder: TempDir,
}

impl Alertmanager {
    /// One that posts each group to all of these addresses, with this token.
    pub(crate) async fn telling(urls: &[String], token: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = String::from(
            "route: {receiver: aegis, group_by: [service], group_wait: 0s, group_interval: 1s, \
             repeat_interval: 1m}\nreceivers:\n  - name: aegis\n    webhook_configs:\n",
        );
        for url in urls {
            writeln!(
                config,
                "      - {{url: '{url}', http_config: {{authorization: {{credentials: '{token}'}}}}}}"
            )
            .unwrap();
        }
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(at("alertmanager.yml"), config).unwrap();
        let arguments = [
            format!("--config.file={}", at("alertmanager.yml")),
            format!("--storage.path={}", at("data")),
            String::from("--web.listen-address=127.0.0.1:0"),
            String::from("--cluster.listen-address="),
        ];
        let server = Server::start("prometheus-alertmanager", &arguments).await;
        Self { server, _folder: folder }
    }
}
