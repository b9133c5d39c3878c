//! The answer of S3's `ListObjectsV2` (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>).

use serde::Deserialize;

/// One page of keys, in their order.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Listing {
    #[serde(rename = "Contents", default)]
    pub(crate) objects: Vec<Object>,
    /// Where the next page begins; `None` at the end.
    #[serde(rename = "NextContinuationToken")]
    pub(crate) next: Option<String>,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Object {
    #[serde(rename = "Key")]
    pub(crate) key: String,
    #[serde(rename = "Size")]
    pub(crate) bytes: u64,
}

/// The root's name tells an answer from an error, which has none of the other fields either.
#[derive(Deserialize)]
enum Answer {
    ListBucketResult(Listing),
}

impl Listing {
    /// From the body of the answer.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn parse(xml: &str) -> Result<Self, String> {
        let Answer::ListBucketResult(listing) =
            quick_xml::de::from_str(xml).map_err(|error| format!("the list is not understood: {error}"))?;
        Ok(listing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_its_objects_and_the_next_ones_token() {
        let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>dead/</Prefix>
            <KeyCount>2</KeyCount><IsTruncated>true</IsTruncated><NextContinuationToken>1/a&amp;b=</NextContinuationToken>
            <Contents><Key>dead/a&amp;b &lt;c&gt;.json</Key><LastModified>2026-11-22T00:00:00.000Z</LastModified><ETag>&quot;x&quot;</ETag>
            <Size>12</Size><Owner><ID>1</ID></Owner></Contents><Contents><Size>0</Size><Key>dead/b</Key></Contents></ListBucketResult>"#;
        let object = |key: &str, bytes| Object { key: key.to_owned(), bytes };
        let expected = Listing { objects: vec![object("dead/a&b <c>.json", 12), object("dead/b", 0)], next: Some("1/a&b=".to_owned()) };
        assert_eq!(Listing::parse(xml).unwrap(), expected);
    }

    #[test]
    fn an_empty_list_is_the_end_and_an_error_is_none() {
        let empty = "<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>";
        assert_eq!(Listing::parse(empty).unwrap(), Listing { objects: Vec::new(), next: None });
        for bad in ["", "{}", "<Error><Code>NoSuchBucket</Code></Error>", "<ListBucketResult><Contents><Key>a</Key>", &empty[..40]] {
            assert!(Listing::parse(bad).is_err(), "{bad}");
        }
    }
}
