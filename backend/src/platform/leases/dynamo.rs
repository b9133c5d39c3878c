//! The table in DynamoDB: a row per job or tombstone, changed only where its counter is the one that was read.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableStatus,
};
use tokio::time::sleep;
use wire::VisitorId;

use super::{Answer, Tombstones};
use crate::error::{Error, Result, root_cause};
use crate::leases::{Job, Lease, Table};
use crate::platform::aws;

/// Looks whether a new table is ready.
const READY_TRIES: u32 = 60;
const READY_WAIT: Duration = Duration::from_millis(500);
const TOMBSTONE: &str = "erased.";

/// One table.
#[derive(Debug)]
pub(crate) struct DynamoTable {
    client: Client,
    name: String,
}

type Row = HashMap<String, AttributeValue>;

impl DynamoTable {
    /// Connects, and makes the table when it is missing.
    ///
    /// # Errors
    /// [`Error::NoRegion`], [`Error::Leases`].
    pub(crate) async fn open(name: &str) -> Result<Self> {
        let table = Self { client: Client::new(&aws::config().await?), name: name.to_owned() };
        table.make().await.map_err(|why| Error::Leases { why: format!("DynamoDB table {name}: {why}") })?;
        Ok(table)
    }

    async fn make(&self) -> Answer<()> {
        for _ in 0..READY_TRIES {
            match self.client.describe_table().table_name(&self.name).send().await {
                Ok(output) if output.table().and_then(|table| table.table_status()) == Some(&TableStatus::Active) => return Ok(()),
                Ok(_) => sleep(READY_WAIT).await,
                Err(error) if error.code() == Some("ResourceNotFoundException") => self.create().await?,
                Err(error) => return Err(sentence(&error)),
            }
        }
        Err("it does not become active".to_owned())
    }

    async fn create(&self) -> Answer<()> {
        let key = KeySchemaElement::builder().attribute_name("key").key_type(KeyType::Hash).build().map_err(|error| error.to_string())?;
        let attribute = AttributeDefinition::builder().attribute_name("key").attribute_type(ScalarAttributeType::S).build();
        let attribute = attribute.map_err(|error| error.to_string())?;
        let call = self.client.create_table().table_name(&self.name).key_schema(key).attribute_definitions(attribute);
        match call.billing_mode(BillingMode::PayPerRequest).send().await {
            Ok(_) => Ok(()),
            // Another process was faster.
            Err(error) if error.code() == Some("ResourceInUseException") => Ok(()),
            Err(error) => Err(sentence(&error)),
        }
    }

    pub(super) async fn list(&self) -> Answer<(Table, Tombstones)> {
        let (mut table, mut tombstones) = (Table::new(), Tombstones::new());
        let mut pages = self.client.scan().table_name(&self.name).consistent_read(true).into_paginator().items().send();
        while let Some(row) = pages.next().await {
            let row = row.map_err(|error| sentence(&error))?;
            let Some(key) = row.get("key").and_then(|value| value.as_s().ok()) else { continue };
            if let Some(visitor) = key.strip_prefix(TOMBSTONE).and_then(VisitorId::parse) {
                tombstones.insert(visitor, number(&row, "until_ms"));
            } else if let Some(job) = Job::parse(key) {
                table.insert(job, lease(&row));
            }
        }
        Ok((table, tombstones))
    }

    pub(super) async fn add(&self, job: &Job, lease: &Lease) -> Answer<()> {
        let call = self.client.put_item().table_name(&self.name).set_item(Some(row(job, lease)?));
        let call = call.condition_expression("attribute_not_exists(#key)").expression_attribute_names("#key", "key");
        unless_refused(call.send().await).map(drop)
    }

    pub(super) async fn replace(&self, job: &Job, counter: u64, lease: &Lease) -> Answer<bool> {
        let call = self.client.put_item().table_name(&self.name).set_item(Some(row(job, lease)?));
        let call = call.condition_expression("#counter = :counter").expression_attribute_names("#counter", "counter");
        unless_refused(call.expression_attribute_values(":counter", AttributeValue::N(counter.to_string())).send().await)
    }

    pub(super) async fn remove(&self, job: &Job, counter: u64) -> Answer<()> {
        let call = self.client.delete_item().table_name(&self.name).key("key", AttributeValue::S(job.key()));
        let call = call.condition_expression("#counter = :counter").expression_attribute_names("#counter", "counter");
        unless_refused(call.expression_attribute_values(":counter", AttributeValue::N(counter.to_string())).send().await).map(drop)
    }

    pub(super) async fn erase(&self, visitor: VisitorId, until_ms: u64) -> Answer<()> {
        let call = self.client.put_item().table_name(&self.name).item("key", AttributeValue::S(format!("{TOMBSTONE}{visitor}")));
        call.item("until_ms", AttributeValue::N(until_ms.to_string())).send().await.map(drop).map_err(|error| sentence(&error))
    }
}

fn row(job: &Job, lease: &Lease) -> Answer<Row> {
    let mut row =
        Row::from([("key".to_owned(), AttributeValue::S(job.key())), ("counter".to_owned(), AttributeValue::N(lease.counter.to_string()))]);
    row.extend(lease.owner.clone().map(|owner| ("owner".to_owned(), AttributeValue::S(owner))));
    if let Some(position) = &lease.position {
        let text = serde_json::to_string(position).map_err(|error| error.to_string())?;
        row.insert("position".to_owned(), AttributeValue::S(text));
    }
    Ok(row)
}

fn lease(row: &Row) -> Lease {
    let text = |name: &str| row.get(name).and_then(|value| value.as_s().ok());
    Lease {
        owner: text("owner").cloned(),
        counter: number(row, "counter"),
        position: text("position").and_then(|text| serde_json::from_str(text).ok()),
    }
}

fn number(row: &Row, name: &str) -> u64 {
    row.get(name).and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Whether a conditional write was admitted.
fn unless_refused<O, E, R>(outcome: std::result::Result<O, SdkError<E, R>>) -> Answer<bool>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    match outcome {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
        Err(error) => Err(sentence(&error)),
    }
}

fn sentence<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    error.message().map_or_else(|| format!("{error}: {}", root_cause(error)), str::to_owned)
}
