-- Events to interactions in SQL: the same rules as backend/src/transform, for `cargo xtask bench backend`.
-- Not made here, and not compared: network, context and card; tests/oracle/interactions.py says why.
-- interactions.py puts in $input and $output. Steps are tables because one long query was measured to cost twice as much.

CREATE TEMP TABLE records AS
SELECT row_number() OVER () AS record, batch, edge
FROM read_ndjson($input, columns = {
    batch: 'STRUCT(portal VARCHAR, pageview VARCHAR, page VARCHAR, url VARCHAR, item VARCHAR, bot BOOLEAN,
            events STRUCT(seq UINTEGER, at_ms BIGINT, kind VARCHAR, engaged_ms BIGINT, scroll_pct UTINYINT, name VARCHAR)[])',
    edge: 'STRUCT(received_at_ms BIGINT, skew_ms BIGINT, visitor VARCHAR, trust UTINYINT)'
});

-- `arrival` is the place of an event in the stream: a record has at most 100.
CREATE TEMP TABLE sightings AS
SELECT
    record * 128 + unnest(generate_series(1, len(batch.events))) AS arrival,
    batch.portal AS portal,
    batch.pageview AS pageview,
    edge.visitor AS visitor,
    edge.trust AS trust,
    CASE WHEN batch.page = 'article'
         THEN coalesce(batch.item, regexp_extract(batch.url, '^https?://[^/?#]*(/[^?#]*)', 1)) END AS item,
    edge.received_at_ms AS received_at_ms,
    edge.skew_ms AS skew_ms,
    unnest(batch.events) AS event
FROM records
WHERE NOT batch.bot;

-- Every new event once.
CREATE TEMP TABLE events AS
SELECT arrival, portal, pageview, visitor, trust, item, event.kind AS kind, event.engaged_ms AS engaged_ms,
       event.scroll_pct AS scroll_pct, event.name AS name, least(event.at_ms + skew_ms, received_at_ms) AS at_ms
FROM sightings
WHERE arrival IN (SELECT min(arrival) FROM sightings GROUP BY pageview, event.seq);

-- The events that begin a session: more than 30 minutes after the visitor's latest activity.
CREATE TEMP TABLE sessions AS
WITH gaps AS (
    SELECT visitor, arrival, pageview, at_ms - max(at_ms) OVER (
        PARTITION BY visitor ORDER BY arrival ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS gap_ms
    FROM events
)
SELECT visitor, arrival, pageview AS session FROM gaps WHERE gap_ms IS NULL OR gap_ms > 1800000;

-- When each pageview began, and which event was the first of each kind of interaction.
CREATE TEMP TABLE pageviews AS
SELECT
    pageview,
    min(arrival) AS began,
    arg_min(visitor, arrival) AS visitor,
    min(arrival) FILTER (item IS NOT NULL AND kind = 'pageview') AS view,
    min(arrival) FILTER (item IS NOT NULL AND engaged_ms >= 15000) AS read_15,
    min(arrival) FILTER (item IS NOT NULL AND engaged_ms >= 60000) AS read_60,
    min(arrival) FILTER (item IS NOT NULL AND scroll_pct >= 75) AS read_75pct,
    min(arrival) FILTER (item IS NOT NULL AND kind = 'click') AS click,
    min(arrival) FILTER (item IS NOT NULL AND kind = 'custom' AND name = 'share') AS share
FROM events
GROUP BY pageview;

CREATE TEMP TABLE interactions AS
WITH placed AS (
    SELECT pageviews.* EXCLUDE (visitor, began), sessions.session
    FROM pageviews ASOF JOIN sessions ON pageviews.visitor = sessions.visitor AND pageviews.began >= sessions.arrival
),
reached AS (
    UNPIVOT placed ON view, read_15, read_60, read_75pct, click, share INTO NAME kind VALUE arrival
)
SELECT 1 AS v, reached.pageview || ':' || reached.kind AS id, portal, visitor, session, item, reached.kind AS kind,
       MAP {'view': 0.2::DOUBLE, 'read_15': 1.0, 'read_60': 2.0, 'read_75pct': 1.5, 'click': 0.5, 'share': 3.0}[reached.kind] AS weight,
       at_ms, trust
FROM reached JOIN events USING (arrival);

COPY interactions TO $output (FORMAT json);
