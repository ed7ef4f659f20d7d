//! The heat map, as people see it: in a real browser, by pointer and by keyboard, while the hub
//! is at work and while it isn't.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use rustix::process::Signal;
use serde_json::{Value, json};
use testbed::browser::Browser;
use testbed::mesh::{self, Hub, Place, Source, event};

use crate::stack::{SOON, config, eventually};
use crate::trial;

/// As soon as the page must show what has changed.
const LIVE: Duration = Duration::from_secs(1);
/// Within this the page shows what changes no verdict: it reads all of it every one to ten
/// seconds.
const READ_ANEW: Duration = Duration::from_secs(15);
/// As soon as it must be drawn, with 5,000 instances.
const DRAWN: f64 = 2_000.0;
/// How long nothing may stand still while somebody uses it: what feels like no delay
/// (Nielsen), and room for a busy machine.
const STILL: f64 = 400.0;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("heat_map::verdicts_and_words_are_there_and_changes_within_a_second", live),
        trial("heat_map::a_tab_that_nobody_sees_follows_changes_and_reads_nothing_anew", followed),
        trial("heat_map::everything_can_be_done_by_keyboard", keyboard),
        trial("heat_map::dark_light_and_narrow_are_fit_for_all", looks),
        trial("heat_map::a_hub_that_is_gone_shows_and_one_that_is_back_is_followed", gone),
        trial("heat_map::whoever_may_not_read_is_told_so", denied),
        trial("heat_map::names_are_text_whatever_they_are", names),
        trial("heat_map::five_thousand_instances_are_drawn_soon_and_stay_live", many),
    ]
}

fn instance(number: u16) -> SocketAddr {
    let [high, low] = number.to_be_bytes();
    SocketAddr::from(([10, 1, high, low], 8080))
}

fn people(cidr: &str) -> Value {
    json!({ "readers": { "cidrs": [cidr], "address": "trusted" } })
}

/// A hub whose page stands where `place` says.
async fn hub(place: Place, members: u16, patch: &Value) -> Result<Hub> {
    let (tools, authority) = (crate::tools(), mesh::authority()?);
    let members: Vec<_> = (1..=members).map(instance).collect();
    let builder = mesh::envoy_of_hub(&tools, &authority, &config(&members, patch))?;
    let hub = Hub::start_at(builder.first_listener("people"), place).await?;
    eventually(Duration::from_secs(15), async || {
        let answer = hub.get("/mesh/v1/ready").await?;
        ensure!(answer.status == 200, "{}", answer.text());
        Ok(())
    })
    .await?;
    Ok(hub)
}

/// A browser, unless there is none: that is said, and is no failure.
fn browser() -> Result<Option<Browser>> {
    match Browser::start(&crate::tools())? {
        Ok(browser) => Ok(Some(browser)),
        Err(why) => {
            eprintln!("skipped: {why}: the heat map wasn't looked at");
            Ok(None)
        }
    }
}

/// Has these sources say this of an instance, and says when that was done.
async fn say(hub: &Hub, sources: &[u8], number: u16, status: &str) -> Result<Instant> {
    for source in sources {
        Source::new(*source, hub.people).says(instance(number), status).await?;
    }
    Ok(Instant::now())
}

/// JavaScript that finds the row or tile of an instance.
fn cell(number: u16) -> String {
    let id = instance(number);
    format!(
        "[...document.querySelectorAll('.row, .tile')].find((it) => it.instance?.id === '{id}')"
    )
}

/// JavaScript that says whether a row shows a verdict, and these words of the sources.
fn shows(number: u16, verdict: &str, words: &[&str]) -> String {
    let cell = cell(number);
    format!(
        "{cell}?.querySelector('.verdict').textContent.endsWith('{verdict}') && \
         JSON.stringify([...{cell}.querySelectorAll('.word b')].map((it) => it.ariaLabel)) === '{}'",
        json!(words)
    )
}

fn is_quiet(browser: &mut Browser) -> Result<()> {
    let complaints = browser.complaints()?;
    ensure!(complaints.is_empty(), "the browser complains: {complaints:#?}");
    Ok(())
}

/// Three sources that disagree about the second of six, and agree about the third.
async fn disputed(place: Place) -> Result<Hub> {
    let hub = hub(place, 6, &json!({})).await?;
    for number in 1..=6 {
        say(&hub, &[1, 2], number, "pass").await?;
    }
    say(&hub, &[1], 2, "fail").await?;
    say(&hub, &[1, 2], 3, "fail").await?;
    Ok(hub)
}

async fn live() -> Result<()> {
    let Some(mut browser) = browser()? else { return Ok(()) };
    let hub = disputed(Place::choose()?).await?;
    let opened = browser.open(hub.people, &json!({}))?;
    ensure!(opened.status == 200, "{}", opened.status);
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ] {
        ensure!(opened.headers[name] == value, "{name}: {}", opened.headers[name]);
    }
    let policy = opened.headers["content-security-policy"].as_str().unwrap_or_default();
    ensure!(policy.contains("default-src 'none'"), "{policy}");
    browser.holds("document.querySelector('#state.live')", SOON)?;
    browser.holds(&shows(1, "alive", &["alive", "alive"]), SOON)?;
    browser.holds(&shows(2, "suspected", &["dead", "alive"]), SOON)?;
    browser.holds(&shows(3, "dead", &["dead", "dead"]), SOON)?;
    let title = browser.says("document.title")?;
    ensure!(title == "2 dead or suspected · Mesh health", "{title}");

    // A verdict, and a word that changes none.
    let said = say(&hub, &[1, 2], 4, "fail").await?;
    browser.holds(&shows(4, "dead", &["dead", "dead"]), LIVE)?;
    ensure!(said.elapsed() < LIVE, "it took {:?}", said.elapsed());
    let last = browser.says("document.querySelector('#news li').textContent")?;
    let last = last.as_str().context("no news")?.to_owned();
    ensure!(last.contains(&instance(4).to_string()) && last.contains("→ dead"), "{last}");
    say(&hub, &[3], 1, "warn").await?;
    browser.holds(&shows(1, "alive", &["alive", "alive", "degraded"]), 3 * LIVE)?;

    browser.hover(".row:not(.names) .id")?;
    browser.holds("!document.getElementById('card').hidden", SOON)?;
    let card = browser.says("document.getElementById('card').innerText")?;
    let card = card.as_str().context("no card")?;
    for word in ["payments", "confidence", "heard ago", "0.90", "degraded"] {
        ensure!(card.contains(word), "{word:?} isn't in {card:?}");
    }
    is_quiet(&mut browser)
}

async fn followed() -> Result<()> {
    let Some(mut browser) = browser()? else { return Ok(()) };
    let hub = disputed(Place::choose()?).await?;
    browser.open(hub.people, &json!({}))?;
    browser.holds(&shows(3, "dead", &["dead", "dead"]), SOON)?;
    // Now what it shows can only come by the long poll.
    browser.says("(Object.defineProperty(document, 'hidden', { value: true }), true)")?;
    tokio::time::sleep(LIVE).await;
    for number in [4, 5, 6] {
        say(&hub, &[1, 2], number, "fail").await?;
        browser.holds(&format!("{}?.textContent.startsWith('×dead')", cell(number)), LIVE)?;
    }
    is_quiet(&mut browser)
}

async fn keyboard() -> Result<()> {
    let Some(mut browser) = browser()? else { return Ok(()) };
    let hub = disputed(Place::choose()?).await?;
    browser.open(hub.people, &json!({}))?;
    browser.holds(&shows(3, "dead", &["dead", "dead"]), SOON)?;
    let focused = |number: u16| format!("document.activeElement === {}", cell(number));
    // From the last button above, the map is one stop.
    browser.says("document.querySelector('#verdicts button:last-of-type').focus()")?;
    browser.press(&["Tab"])?;
    browser.holds(&focused(1), SOON)?;
    browser.holds("document.activeElement.getAttribute('aria-describedby') === 'card'", SOON)?;
    browser.press(&["ArrowDown", "ArrowDown"])?;
    browser.holds(&focused(3), SOON)?;
    browser.holds("document.getElementById('card').innerText.includes('dead for')", SOON)?;
    browser.press(&["Escape"])?;
    browser.holds("document.getElementById('card').hidden", SOON)?;
    browser.press(&["End"])?;
    browser.holds(&focused(6), SOON)?;
    browser.press(&["Home", "ArrowUp"])?;
    browser.holds(&focused(1), SOON)?;

    browser.press(&["/"])?;
    browser.types("0.5:8")?;
    let rows =
        |count: usize| format!("document.querySelectorAll('.row:not(.names)').length === {count}");
    browser.holds(&rows(1), SOON)?;
    browser.press(&["Escape"])?;
    browser.holds(&rows(6), SOON)?;
    // The first verdict is "dead".
    browser.says("document.querySelector('#verdicts button').focus()")?;
    browser.press(&["Space"])?;
    browser.holds(&rows(1), SOON)?;
    let address = browser.says("location.hash")?;
    ensure!(address == "#verdict=dead", "{address}");
    browser.press(&["Space"])?;
    browser.holds(&rows(6), SOON)?;
    // What changed last leads to where it is.
    browser.says("document.querySelector('#news button').focus()")?;
    browser.press(&["Enter"])?;
    browser.holds("document.activeElement.matches('.row')", SOON)?;
    is_quiet(&mut browser)
}

async fn looks() -> Result<()> {
    let Some(mut browser) = browser()? else { return Ok(()) };
    let hub = disputed(Place::choose()?).await?;
    let ground = "getComputedStyle(document.body).backgroundColor";
    let mut grounds = vec![];
    for scheme in ["light", "dark"] {
        for view in ["rows", "tiles"] {
            browser.open(hub.people, &json!({ "scheme": scheme }))?;
            browser.holds(&shows(3, "dead", &["dead", "dead"]), SOON)?;
            browser.says(&format!("document.querySelector('[data-view={view}]').click()"))?;
            browser.holds("document.querySelector('#map [tabindex=\"0\"]')", SOON)?;
            browser.says("document.querySelector('#map [tabindex=\"0\"]').focus()")?;
            browser.is_accessible().with_context(|| format!("{view}, {scheme}"))?;
        }
        grounds.push(browser.says(ground)?);
    }
    ensure!(grounds[0] != grounds[1], "dark is light: {grounds:?}");
    browser.prefers(&json!({ "color_scheme": "light" }))?;
    browser.holds(&format!("{ground} === {}", grounds[0]), SOON)?;

    let marks = "[...document.querySelectorAll('.tile')].map((it) => it.textContent).join('')";
    let marks = browser.says(marks)?;
    ensure!(marks == "•!×•••", "not by colour alone: {marks}");
    let moves = "getComputedStyle(document.querySelector('.changed')).animationName";
    for (motion, name) in [("no-preference", "changed"), ("reduce", "none")] {
        browser.prefers(&json!({ "reduced_motion": motion }))?;
        let status = if motion == "reduce" { "pass" } else { "fail" };
        say(&hub, &[1, 2, 3], 5, status).await?;
        browser.holds("document.querySelector('.changed')", SOON)?;
        ensure!(browser.says(moves)? == name, "{motion}");
    }

    browser.open(hub.people, &json!({ "size": [320, 640] }))?;
    browser.holds(&shows(3, "dead", &["dead", "dead"]), SOON)?;
    let wide = browser.says("document.documentElement.scrollWidth")?;
    ensure!(wide == 320, "it is scrolled sideways: {wide}");
    is_quiet(&mut browser)
}

async fn gone() -> Result<()> {
    let Some(mut browser) = browser()? else { return Ok(()) };
    let place = Place::choose()?;
    let first = disputed(place).await?;
    browser.open(first.people, &json!({}))?;
    browser.holds(&shows(3, "dead", &["dead", "dead"]), SOON)?;

    // One that hangs, and comes to itself.
    first.envoy.signal(Signal::STOP)?;
    let shown = "!document.getElementById('banner').hidden";
    browser.holds(shown, Duration::from_secs(20))?;
    first.envoy.signal(Signal::CONT)?;
    browser.holds("document.querySelector('#state.live')", Duration::from_secs(15))?;

    let people = first.people;
    drop(first);
    browser.holds(shown, SOON)?;
    browser.holds("document.querySelector('#map.stale .row')", SOON)?;
    let says = browser.says("document.getElementById('trouble').textContent")?;
    let says = says.as_str().unwrap_or_default();
    ensure!(says.starts_with("No connection to the hub."), "{says}");
    browser.holds("document.getElementById('again').textContent.includes('in ')", SOON)?;

    let second = hub(place, 6, &json!({})).await?;
    ensure!(second.people == people, "the second hub is elsewhere");
    say(&second, &[1, 2], 6, "fail").await?;
    browser.says("document.getElementById('retry').click()")?;
    browser.holds("document.querySelector('#state.live')", Duration::from_secs(15))?;
    browser.holds("document.getElementById('banner').hidden", SOON)?;
    // The second word changes no verdict: the hub tells of it within a second, and the page,
    // which has just had a slow answer, reads it when it next does.
    browser.holds(&shows(6, "dead", &["dead", "dead"]), READ_ANEW)?;
    say(&second, &[1, 2], 5, "fail").await?;
    browser.holds(&format!("{}?.textContent.startsWith('×dead')", cell(5)), LIVE)?;
    browser.holds(&shows(5, "dead", &["dead", "dead"]), READ_ANEW)?;
    // That the hub was gone is all that there was to complain of.
    let complaints = browser.complaints()?;
    let other = complaints.iter().find(|it| !it.contains("net::ERR_"));
    ensure!(other.is_none(), "{complaints:#?}");
    Ok(())
}

async fn denied() -> Result<()> {
    let Some(mut browser) = browser()? else { return Ok(()) };
    let place = Place::choose()?;
    let first = disputed(place).await?;
    browser.open(first.people, &json!({}))?;
    browser.holds("document.querySelector('#state.live')", SOON)?;
    drop(first);
    let (tools, authority) = (crate::tools(), mesh::authority()?);
    let config = config(&[instance(1)], &people("10.0.0.0/8"));
    let builder = mesh::envoy_of_hub(&tools, &authority, &config)?;
    let second = Hub::start_at(builder.first_listener("people"), place).await?;
    browser
        .holds("document.getElementById('trouble').textContent.includes('readers')", 5 * SOON)?;
    let opened = browser.open(second.people, &json!({}))?;
    ensure!(opened.status == 403, "the page itself is for readers: {}", opened.status);
    Ok(())
}

async fn names() -> Result<()> {
    let Some(mut browser) = browser()? else { return Ok(()) };
    let (markup, id) =
        ("<img src=x onerror=document.title=1>", format!("{}a/..@-:_", "x".repeat(119)));
    let locality = json!({ "region": markup, "zone": "\u{202e}'\"&<b>" });
    let patch = json!({ "services": [
        { "name": "payments", "members": [{ "id": id, "address": "10.1.0.9:1", "locality": locality }] },
        { "name": "nobody", "learn": [{ "addresses": ["10.9.0.0/16"] }] },
    ] });
    let hub = hub(Place::choose()?, 1, &patch).await?;
    let mut told = event(instance(1), "fail");
    told["instance_id"] = json!(id);
    let answer = Source::new(1, hub.people).post(&told).await?;
    ensure!(answer.status == 202, "{}", answer.text());
    browser.open(hub.people, &json!({}))?;
    browser.holds("document.querySelector('.row.names')", SOON)?;
    browser.hover(".row:not(.names) .id")?;
    browser.holds("!document.getElementById('card').hidden", SOON)?;
    browser.press(&["/"])?;
    browser.types(markup)?;
    browser.holds(
        &format!("document.querySelector('.row:not(.names)').instance.id === '{id}'"),
        SOON,
    )?;
    let elements = browser.says("document.querySelectorAll('img, b b').length")?;
    ensure!(elements == 0, "a name has become markup");
    let wide = browser.says("document.documentElement.scrollWidth <= innerWidth")?;
    ensure!(wide == true, "a long name makes the page wider");
    let empty = browser.says("document.body.innerText.includes('No instance is known yet')")?;
    ensure!(empty == false, "what doesn't match isn't shown");
    browser.press(&["Escape", "Escape"])?;
    browser.holds("document.body.innerText.includes('No instance is known yet')", SOON)?;
    is_quiet(&mut browser)
}

async fn many() -> Result<()> {
    const MEMBERS: u16 = 5_000;
    let Some(mut browser) = browser()? else { return Ok(()) };
    let hub = hub(Place::choose()?, MEMBERS, &json!({})).await?;
    for source in 1..=3 {
        let mut posts = Source::new(source, hub.people);
        let numbers: Vec<_> = (1..=MEMBERS).collect();
        for batch in numbers.chunks(500) {
            let events: Vec<_> = batch.iter().map(|it| event(instance(*it), "pass")).collect();
            let answer = posts.post(&json!(events)).await?;
            ensure!(answer.status == 202, "{}", answer.text());
        }
    }
    browser.open(hub.people, &json!({}))?;
    let tiles =
        format!("document.querySelectorAll('.tile').length === {MEMBERS} && performance.now()");
    browser.holds(&tiles, 5 * SOON)?;
    let drawn = browser.says("performance.now()")?.as_f64().unwrap_or(f64::MAX);
    ensure!(drawn < DRAWN, "drawn after {drawn} ms");

    // The longest time between two frames, while it follows, is filtered and walked through.
    browser.says(
        "{ let last = performance.now(); window.still = 0; const look = () => { \
           const now = performance.now(); still = Math.max(still, now - last); last = now; \
           requestAnimationFrame(look); }; look(); }",
    )?;
    let said = say(&hub, &[1, 2], 4_321, "fail").await?;
    let dead = format!("{}?.classList.contains('dead')", cell(4_321));
    browser.holds(&dead, LIVE)?;
    ensure!(said.elapsed() < LIVE, "it took {:?}", said.elapsed());
    browser.says("document.querySelector('.tile').focus()")?;
    browser.press(&["ArrowDown", "ArrowDown", "ArrowRight", "PageDown", "End"])?;
    browser.holds(&format!("document.activeElement === {}", cell(MEMBERS)), SOON)?;
    browser.press(&["/"])?;
    browser.types("10.1.4")?;
    browser.holds("document.querySelectorAll('.tile:not([hidden])').length < 1000", SOON)?;
    browser.press(&["Escape"])?;
    browser.holds(&tiles, SOON)?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let still = browser.says("still")?.as_f64().unwrap_or(f64::MAX);
    eprintln!("5,000 instances: drawn after {drawn:.0} ms, the longest frame {still:.0} ms");
    ensure!(still < STILL, "it stands still for {still} ms");
    is_quiet(&mut browser)
}
