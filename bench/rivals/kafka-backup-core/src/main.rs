//! `rival CONFIG.yaml`: runs the backup or restore that the file describes, as a user of the crate would.
use kafka_backup_core::{backup::BackupEngine, config::Mode, restore::RestoreEngine, Config};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(1).expect("a configuration file");
    let (config, _) = Config::from_yaml_with_warnings(&std::fs::read_to_string(path)?)?;
    match config.mode {
        Mode::Backup => BackupEngine::new(config).await?.run().await?,
        Mode::Restore => {
            RestoreEngine::new(config)?.run().await?;
        }
    }
    Ok(())
}
