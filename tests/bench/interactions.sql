-- Events to interactions in SQL: the same rules as backend/src/transform, for `cargo xtask bench backend`.
-- $input and $output are put in by interactions.py.

-- Every new event of a reader once, in the order of arrival.
CREATE TEMP TABLE events AS
WITH records AS (
    SELECT row_number() OVER () AS record, batch, edge
    FROM read_ndjson($input, columns = {
        batch: 'STRUCT(portal VARCHAR, pageview VARCHAR, page VARCHAR, url VARCHAR, item VARCHAR, bot BOOLEAN,
                events STRUCT(seq UINTEGER, at_ms BIGINT, kind VARCHAR, engaged_ms BIGINT, scroll_pct UTINYINT, name VARCHAR)[])',
        edge: 'STRUCT(received_at_ms BIGINT, skew_ms BIGINT, visitor VARCHAR, trust UTINYINT)'
    })
),
sightings AS (
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
    WHERE NOT batch.bot
)
SELECT arrival, portal, pageview, visitor, trust, item, event.kind AS kind, event.engaged_ms AS engaged_ms,
       event.scroll_pct AS scroll_pct, event.name AS name,
       least(event.at_ms + skew_ms, received_at_ms) AS at_ms
FROM sightings
QUALIFY row_number() OVER (PARTITION BY pageview, event.seq ORDER BY arrival) = 1;

-- The events that begin a session: more than 30 minutes after the visitor's latest activity.
CREATE TEMP TABLE sessions AS
WITH gaps AS (
    SELECT visitor, arrival, pageview, at_ms - max(at_ms) OVER (
        PARTITION BY visitor ORDER BY arrival ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS gap_ms
    FROM events
)
SELECT visitor, arrival, pageview AS session FROM gaps WHERE gap_ms IS NULL OR gap_ms > 1800000;

CREATE TEMP TABLE interactions AS
WITH pageviews AS (
    SELECT
        pageview,
        arg_min(visitor, arrival) AS visitor,
        min(arrival) AS arrival,
        arg_min(struct_pack(at_ms, visitor, trust, portal, item), arrival) FILTER (item IS NOT NULL AND kind = 'pageview') AS view,
        arg_min(struct_pack(at_ms, visitor, trust, portal, item), arrival) FILTER (item IS NOT NULL AND engaged_ms >= 15000) AS read_15,
        arg_min(struct_pack(at_ms, visitor, trust, portal, item), arrival) FILTER (item IS NOT NULL AND engaged_ms >= 60000) AS read_60,
        arg_min(struct_pack(at_ms, visitor, trust, portal, item), arrival) FILTER (item IS NOT NULL AND scroll_pct >= 75) AS read_75pct,
        arg_min(struct_pack(at_ms, visitor, trust, portal, item), arrival) FILTER (item IS NOT NULL AND kind = 'click') AS click,
        arg_min(struct_pack(at_ms, visitor, trust, portal, item), arrival) FILTER (item IS NOT NULL AND kind = 'custom' AND name = 'share') AS share
    FROM events
    GROUP BY pageview
),
placed AS (
    SELECT pageviews.*, sessions.session
    FROM pageviews ASOF JOIN sessions ON pageviews.visitor = sessions.visitor AND pageviews.arrival >= sessions.arrival
),
reached AS (
    SELECT pageview, session, 'view' AS kind, 0.2 AS weight, view AS first FROM placed
    UNION ALL SELECT pageview, session, 'read_15', 1.0, read_15 FROM placed
    UNION ALL SELECT pageview, session, 'read_60', 2.0, read_60 FROM placed
    UNION ALL SELECT pageview, session, 'read_75pct', 1.5, read_75pct FROM placed
    UNION ALL SELECT pageview, session, 'click', 0.5, click FROM placed
    UNION ALL SELECT pageview, session, 'share', 3.0, share FROM placed
)
SELECT 1 AS v, pageview || ':' || kind AS id, first.portal AS portal, first.visitor AS visitor, session, first.item AS item, kind,
       weight::DOUBLE AS weight, first.at_ms AS at_ms, first.trust AS trust
FROM reached
WHERE first IS NOT NULL;

COPY interactions TO $output (FORMAT json);
