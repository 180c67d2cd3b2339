//! The charts as people install them: alone and by another name in a parent, with Helm 3 and 4.

use std::path::PathBuf;

use catalogue::Catalogue;
use integration_tests::alertmanager::{Alertmanager, Webhook};
use integration_tests::helm::{self, Helm};
use integration_tests::promtool::Promtool;
use integration_tests::setup::root;
use serde_yaml::Value;

fn catalogue() -> Catalogue {
    catalogue::load(&root().join("content")).catalogue.expect("the content loads")
}

fn helms() -> Vec<Helm> {
    Helm::all().expect("helm is installed: `just setup`")
}

fn written(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("values.yaml");
    std::fs::write(&path, text).expect("a values file can be written");
    path
}

/// Renders values with each chart and each Helm, alone and as `db` of a parent. `ALERT` and `GROUP` in the values are an
/// alert of the chart and its group; `global` of the values is the parent's too.
fn renderings(values: &str) -> Vec<Result<String, String>> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut all = Vec::new();
    for component in &catalogue().components {
        let alert = component.in_order()[0];
        let values = values.replace("ALERT", &alert.name).replace("GROUP", &alert.rule.group);
        let chart = &*component.about.chart;
        let alone = written(&folder, &values);
        for helm in helms() {
            all.push(helm.template(chart, Some(&alone), &[]));
        }
        let mut of_parent: serde_yaml::Mapping = serde_yaml::from_str(&values).expect("values are a mapping");
        let global = of_parent.remove("global").unwrap_or_default();
        let parent = serde_json::json!({ "db": of_parent, "global": global });
        let inside = written(&folder, &parent.to_string());
        for helm in helms() {
            all.push(helm.parent("release", &[("db", chart)], &inside));
        }
    }
    assert!(all.len() >= 8, "two charts, two ways, two versions of Helm");
    all.into_iter().map(|one| one.map_err(|error| error.to_string())).collect()
}

/// The documents of each rendering.
fn works(values: &str) -> Vec<Vec<Value>> {
    let documents = |text: Result<String, String>| {
        let text = text.unwrap_or_else(|error| panic!("{values}\n{error}"));
        helm::documents(&text).expect("the rendered chart is YAML")
    };
    renderings(values).into_iter().map(documents).collect()
}

/// The rules of each rendering.
fn rules(values: &str) -> Vec<Vec<Value>> {
    let read = |text: Result<String, String>| helm::rules(&text.expect("it is rendered")).expect("rules");
    renderings(values).into_iter().map(read).collect()
}

/// Each rendering is refused with a message that has all the words.
fn refused(values: &str, words: &[&str]) {
    for rendering in renderings(values) {
        let error = rendering.expect_err(&format!("{values}\nmust be refused"));
        for word in words {
            assert!(error.contains(word), "{values}\nthe message does not say {word}:\n{error}");
        }
    }
}

fn named<'a>(rules: &'a [Value], name: &str) -> &'a Value {
    let found = rules.iter().find(|rule| rule["alert"] == name || rule["record"] == name);
    found.unwrap_or_else(|| panic!("no rule {name} in {rules:#?}"))
}

/// promtool of every version takes the rules.
fn checked(rules: &[Value]) {
    let file = serde_json::json!({ "groups": [{ "name": "all", "rules": rules }] }).to_string();
    for promtool in Promtool::all().expect("promtool is installed: `just setup`") {
        promtool.check_rules(&file).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn values_that_are_no_texts_become_texts() {
    let values = "commonLabels: { prometheus: true, shard: 1 }\ncommonAnnotations: { seen: false }\n\
        additionalPrometheusRuleLabels: { big: 1296000 }\n\
        extraRules: [{ record: my:record, expr: 1, labels: { live: true, count: 2 } }]\n\
        extraGroups: [{ name: mine, rules: [{ alert: Mine, expr: up, labels: { live: true }, annotations: { count: 3 } }] }]";
    for documents in works(values) {
        let object = &documents[0]["metadata"];
        assert_eq!(object["labels"]["prometheus"], "true");
        assert_eq!(object["labels"]["shard"], "1");
        assert_eq!(object["labels"]["big"], "1296000");
        assert_eq!(object["annotations"]["seen"], "false");
    }
    for rules in rules(values) {
        assert_eq!(named(&rules, "my:record")["labels"]["live"], "true");
        assert_eq!(named(&rules, "my:record")["labels"]["count"], "2");
        assert_eq!(named(&rules, "Mine")["labels"]["live"], "true");
        assert_eq!(named(&rules, "Mine")["annotations"]["count"], "3");
    }
}

#[test]
fn a_parent_may_have_global_values_of_its_own() {
    for documents in works("global: { additionalLabels: { a: b }, addons: [x], address: y }") {
        assert_eq!(documents.len(), 1);
    }
    for (misspelt, meant) in [
        ("additionalExprLabel: [a=b]", "global.additionalExprLabels"),
        ("aditionalRuleLabels: { a: b }", "global.additionalRuleLabels"),
        ("additional_aggregation_labels: [a]", "global.additionalAggregationLabels"),
    ] {
        let key = misspelt.split(':').next().unwrap_or_default();
        refused(&format!("global: {{ {misspelt} }}"), &[&format!("global.{key}"), meant]);
    }
}

#[test]
fn the_object_says_its_namespace() {
    for (index, documents) in works("{}").into_iter().enumerate() {
        let expected = if index % 4 < 2 { "default" } else { "monitoring" };
        assert_eq!(documents[0]["metadata"]["namespace"], expected);
    }
    for documents in works("namespaceOverride: other") {
        assert_eq!(documents[0]["metadata"]["namespace"], "other");
    }
}

#[test]
fn places_in_links_may_have_blanks_and_unknown_ones_are_named() {
    for rules in
        rules("defaultRunbookUrl: 'https://x.example/{{ alertName }}/{{- group -}}?{{ externalURL }}'")
    {
        let (name, rule) = (rules[0]["alert"].as_str().expect("an alert"), &rules[0]);
        let url = rule["annotations"]["runbook_url"].as_str().expect("a link");
        assert!(url.starts_with(&format!("https://x.example/{name}/")), "{url}");
        assert!(url.ends_with("?{{ externalURL }}") && url.matches("{{").count() == 1, "{url}");
        checked(&rules);
    }
    refused(
        "defaultRunbookUrl: 'https://x.example/{{ alertname }}'",
        &["defaultRunbookUrl", "{{alertName}}"],
    );
    refused("groups: { GROUP: { runbookUrl: '{{name}}' } }", &["groups.", ".runbookUrl", "{{alertName}}"]);
    refused("rules: { ALERT: { runbookUrl: '{{name}}' } }", &["rules.", ".runbookUrl", "{{alertName}}"]);
}

#[test]
fn a_rule_file_is_one_document() {
    let file = "format: PrometheusConfigurationFile\n";
    for documents in works(file) {
        assert_eq!(documents.len(), 1);
    }
    refused(
        &format!("{file}extraManifests: [{{ kind: ConfigMap, apiVersion: v1 }}]"),
        &["extraManifests", "format", "PrometheusRuleCRD"],
    );
    let folder = tempfile::tempdir().expect("a folder");
    let charts = catalogue();
    let charts: Vec<_> =
        ["one", "two"].into_iter().zip(charts.components.iter().map(|one| &*one.about.chart)).collect();
    let both =
        |format: &str| written(&folder, &format!("one: {{ format: {format} }}\ntwo: {{ format: {format} }}"));
    for helm in helms() {
        let error = helm.parent("release", &charts, &both("PrometheusConfigurationFile"));
        let error = error.expect_err("two rule files").to_string();
        for word in ["one", "two", "the rule file", "one chart at a time", "format"] {
            assert!(error.contains(word), "no {word} in {error}");
        }
        let text = helm.parent("release", &charts, &both("PrometheusRuleCRD")).expect("two objects");
        assert_eq!(helm::documents(&text).expect("YAML").len(), 2);
    }
}

#[test]
fn two_objects_of_one_name_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let catalogue = catalogue();
    let charts: Vec<_> = ["prometheus-one", "prometheus-two"]
        .into_iter()
        .zip(catalogue.components.iter().map(|c| &*c.about.chart))
        .collect();
    let values = written(&folder, "prometheus-one: {}");
    let other = tempfile::tempdir().expect("a folder");
    let apart = written(&other, "prometheus-one: { fullnameOverride: first }");
    let release = "r".repeat(53);
    for helm in helms() {
        let error = helm.parent(&release, &charts, &values).expect_err("one name twice").to_string();
        for word in ["prometheus-one", "prometheus-two", "PrometheusRule", "fullnameOverride"] {
            assert!(error.contains(word), "no {word} in {error}");
        }
        helm.parent(&release, &charts, &apart).unwrap_or_else(|error| panic!("{error}"));
        // A release that has both names in it.
        let text = helm.parent("r", &charts, &values).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(helm::documents(&text).expect("YAML").len(), 2);
        helm.parent("prometheus-one-prometheus-two", &charts, &values).expect_err("one name twice");
    }
}

#[test]
fn a_chart_that_is_switched_off_makes_nothing() {
    for format in ["PrometheusRuleCRD", "PrometheusConfigurationFile"] {
        let extra = "extraManifests: [{ kind: ConfigMap, apiVersion: v1 }]";
        for documents in works(&format!("enabled: false\nformat: {format}\n{extra}")) {
            assert_eq!(documents, Vec::<Value>::new());
        }
    }
    for documents in works("enabled: true") {
        assert_eq!(documents.len(), 1);
    }
}

/// Both charts as the configuration of Alertmanager, and what their alerts are about.
fn inhibit_rules(helm: &Helm) -> Vec<serde_json::Value> {
    let format = ["format=AlertmanagerConfigurationFile"];
    let rules = catalogue().components.into_iter().flat_map(|component| {
        let text =
            helm.template(&component.about.chart, None, &format).unwrap_or_else(|error| panic!("{error}"));
        let file: serde_json::Value = serde_yaml::from_str(&text).expect("one document");
        file["inhibit_rules"].as_array().expect("a list").clone()
    });
    rules.collect()
}

#[tokio::test]
async fn a_louder_alert_mutes_the_weaker_one_about_the_same_thing_and_no_other() {
    let [rules, others] =
        helms().iter().map(inhibit_rules).collect::<Vec<_>>().try_into().expect("two of them");
    assert_eq!(rules, others, "Helm 3 and 4");
    let count = catalogue().alerts().map(|(_, alert)| alert.rule.suppressed_by.len()).sum::<usize>();
    assert!(rules.len() > 3 && rules.len() <= count, "{rules:#?}");
    let webhook = Webhook::start().await.expect("a webhook");
    let alertmanager =
        Alertmanager::inhibiting(&webhook, &serde_json::json!(rules)).await.expect("Alertmanager");
    let url = format!("http://{}", alertmanager.address());
    let amtool = |arguments: &[String]| {
        let program = integration_tests::setup::program("amtool").expect("amtool is installed: `just setup`");
        let output =
            std::process::Command::new(program).arg("--alertmanager.url").arg(&url).args(arguments).output();
        let output = output.expect("amtool runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let name = |matchers: &serde_json::Value| {
        let matcher = matchers[0].as_str().expect("a matcher");
        matcher
            .strip_prefix("alertname=\"")
            .and_then(|name| name.strip_suffix('"'))
            .expect("a name")
            .to_owned()
    };
    // Each rule in a world of its own, by a label that no rule compares.
    for (at, rule) in rules.iter().enumerate() {
        let equal = rule["equal"].as_array().expect("labels");
        assert!(!equal.is_empty(), "{rule} would mute everything");
        let add = |alert: &str, value: &str, of: &str| {
            let labels = equal.iter().map(|label| format!("{}={value}{at}", label.as_str().expect("a name")));
            let own = [alert.to_owned(), format!("of={of}{at}")];
            amtool(
                &["alert".to_owned(), "add".to_owned()]
                    .into_iter()
                    .chain(own)
                    .chain(labels)
                    .collect::<Vec<_>>(),
            );
        };
        add(&name(&rule["source_matchers"]), "a", "source");
        add(&name(&rule["target_matchers"]), "a", "muted");
        add(&name(&rule["target_matchers"]), "b", "heard");
    }
    let query = ["alert", "query", "--inhibited", "--active", "--output=json"].map(str::to_owned);
    let alerts: Vec<serde_json::Value> = serde_json::from_slice(&amtool(&query)).expect("JSON");
    assert_eq!(alerts.len(), rules.len() * 3);
    for alert in alerts {
        let is_muted = !alert["status"]["inhibitedBy"].as_array().expect("a list").is_empty();
        let of = alert["labels"]["of"].as_str().expect("a text");
        // A source may itself be muted by the louder one of another rule only where both are about one thing.
        assert_eq!(is_muted, of.starts_with("muted"), "{alert:#}");
    }
}

#[test]
fn the_inhibition_rules_are_an_object_of_the_operator_too() {
    let values = "alertmanagerConfig: { enabled: true, labels: { alertmanager: main } }\n\
                  global: { additionalAggregationLabels: [cluster] }";
    for documents in works(values) {
        let config = documents.iter().find(|document| document["kind"] == "AlertmanagerConfig");
        let config = config.expect("an AlertmanagerConfig");
        assert_eq!(config["metadata"]["labels"]["alertmanager"], "main");
        let rules = config["spec"]["inhibitRules"].as_sequence().expect("rules");
        for rule in rules {
            assert_eq!(rule["sourceMatch"][0]["name"], "alertname");
            assert!(rule["equal"].as_sequence().expect("labels").contains(&"cluster".into()), "{rule:?}");
        }
    }
    // Who is switched off neither mutes nor is muted.
    let off =
        "format: AlertmanagerConfigurationFile\nrules: { SQLExporterMissingTarget: { enabled: false } }";
    let folder = tempfile::tempdir().expect("a folder");
    for helm in helms() {
        let chart = &catalogue().components[0].about.chart;
        let text =
            helm.template(chart, Some(&written(&folder, off)), &[]).unwrap_or_else(|error| panic!("{error}"));
        assert!(text.contains("inhibit_rules:") && !text.contains("SQLExporter"), "{text}");
    }
}

#[test]
fn groups_can_be_split_for_rulers_that_limit_them() {
    let own = "splitByGroup: true\nrules: { Mine: { expr: up } }\nextraRules: [{ record: m:r, expr: up }]";
    for documents in works(own) {
        let groups = documents[0]["spec"]["groups"].as_sequence().expect("groups");
        assert!(groups.len() > 3, "{groups:#?}");
        let names: std::collections::BTreeSet<_> =
            groups.iter().map(|group| group["name"].as_str()).collect();
        assert_eq!(names.len(), groups.len());
        assert!(
            groups.iter().all(|group| group["rules"].as_sequence().is_some_and(|rules| rules.len() < 20))
        );
    }
    for (split, whole) in rules("splitByGroup: true").iter().zip(rules("{}")) {
        let sorted = |rules: &[Value]| {
            rules
                .iter()
                .map(|rule| rule["alert"].as_str().map(str::to_owned))
                .collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(sorted(split), sorted(&whole));
    }
}

#[test]
fn names_that_prometheus_does_not_take_are_refused_by_their_key() {
    for (values, key) in [
        ("global: { additionalRuleLabels: { bad-name: x } }", "global.additionalRuleLabels"),
        ("global: { additionalRuleAnnotations: { bad-name: x } }", "global.additionalRuleAnnotations"),
        ("global: { additionalAggregationLabels: [bad-name] }", "global.additionalAggregationLabels"),
        ("global: { additionalExprLabels: { bad-name: x } }", "global.additionalExprLabels"),
        ("groups: { GROUP: { labels: { bad-name: x } } }", ".labels"),
        ("rules: { ALERT: { annotations: { bad-name: x } } }", ".annotations"),
        ("severityLabel: bad-name", "severityLabel"),
    ] {
        refused(values, &[key, "bad-name", "letters, digits and _"]);
    }
    for key in [
        "rules: { ALERT: { for: 5 } }",
        "rules: { ALERT: { keepFiringFor: 5 minutes } }",
        "groups: { GROUP: { interval: 1 } }",
    ] {
        refused(key, &["is not a duration", "10m"]);
    }
}

#[test]
fn keep_firing_for_can_be_removed() {
    for zero in ["''", "0s", "0", "0h0m"] {
        for values in [
            format!("defaultKeepFiringFor: 5m\nrules: {{ ALERT: {{ keepFiringFor: {zero} }} }}"),
            format!("defaultKeepFiringFor: {zero}\nrules: {{ ALERT: {{ keepFiringFor: {zero} }} }}"),
        ] {
            for rules in rules(&values) {
                assert!(rules[0]["keep_firing_for"].is_null(), "{values}: {:?}", rules[0]);
            }
        }
    }
    for rules in rules("defaultKeepFiringFor: 0s") {
        assert!(rules.iter().all(|rule| rule["keep_firing_for"].is_null()));
    }
    for rules in rules("defaultKeepFiringFor: 5m") {
        assert!(rules.iter().all(|rule| rule["keep_firing_for"] == "5m"));
    }
}

#[test]
fn what_needs_a_newer_prometheus_says_so_where_it_stands() {
    for rendering in renderings("groups: { GROUP: { queryOffset: 1m, limit: 5 } }") {
        let text = rendering.expect("it is rendered");
        assert!(
            text.contains("# Prometheus 2.53 or newer.\n") && text.contains("query_offset: 1m"),
            "{text}"
        );
        assert!(text.contains("Prometheus drops all alerts of a rule.\n"), "{text}");
    }
    for rendering in renderings("{}") {
        assert!(!rendering.expect("it is rendered").contains("2.53"));
    }
}

#[test]
fn a_recording_rule_gets_nothing_that_is_of_alerts() {
    let values = "global: { additionalRuleLabels: { team: db } }\nalertNamespace: x\ndefaultKeepFiringFor: 5m\n\
        rules: { Mine: { record: my:record, expr: sum(up), labels: { own: 1 } } }";
    for rules in rules(values) {
        let rule = named(&rules, "my:record");
        let keys: Vec<_> = rule.as_mapping().expect("a rule").keys().filter_map(Value::as_str).collect();
        assert_eq!(keys, ["record", "expr", "labels"]);
        assert_eq!(rule["labels"].as_mapping().map(serde_yaml::Mapping::len), Some(1));
    }
    for key in ["severity: warning", "for: 5m", "keepFiringFor: 5m", "annotations: { a: b }", "runbookUrl: x"]
    {
        let name = key.split(':').next().unwrap_or_default();
        refused(
            &format!("rules: {{ Mine: {{ record: my:record, expr: up, {key} }} }}"),
            &[&format!("rules.Mine.{name}"), "record", "labels"],
        );
    }
}

#[test]
fn templates_of_prometheus_and_of_helm_live_together() {
    let manifest = "extraManifests:\n  - apiVersion: v1\n    kind: ConfigMap\n    metadata: { name: '{{ .Release.Name }}-x' }\n    \
        data: { text: 'On {{ $labels.instance }}: {{- $value | humanize }} {{ \"{{ $labels.a }}\" }}' }\n  - |\n    {{- range $key, $value := dict \"a\" 1 }}\n    \
        kind: {{ $key }}{{ $value }}\n    {{- end }}\n";
    for documents in works(manifest) {
        let map = documents.iter().find(|document| document["kind"] == "ConfigMap").expect("the map");
        assert_eq!(map["metadata"]["name"], "release-x");
        assert_eq!(
            map["data"]["text"],
            "On {{ $labels.instance }}: {{- $value | humanize }} {{ $labels.a }}"
        );
        assert!(documents.iter().any(|document| document["kind"] == "a1"), "{documents:#?}");
    }
    refused(
        "extraManifests: ['{{ if $labels.a }}x{{ end }}']",
        &["extraManifests", "{{ if $labels.a }}", "extraGroups"],
    );
}

#[test]
fn helms_values_reach_matchers_labels_and_expressions() {
    let values = "global:\n  env: prod\n  additionalExprLabels: ['env=\"{{ .Values.global.env }}\"']\n  \
        additionalRuleLabels: { env: '{{ .Values.global.env }}', where: '{{ $labels.instance }}' }\n\
        commonLabels: { env: '{{ .Values.global.env }}' }\n\
        rules: { Mine: { expr: 'mine{env=\"{{ .Values.global.env }}\"}' } }\nalertNamespace: '{{ .Release.Namespace }}'";
    for documents in works(values) {
        assert_eq!(documents[0]["metadata"]["labels"]["env"], "prod");
    }
    for rules in rules(values) {
        for rule in rules.iter().filter(|rule| rule["alert"] != "Mine") {
            assert!(rule["expr"].as_str().expect("an expression").contains("env=\"prod\""));
        }
        assert_eq!(rules[0]["labels"]["env"], "prod");
        assert_eq!(rules[0]["labels"]["where"], "{{ $labels.instance }}");
        assert!(["default", "monitoring"].contains(&rules[0]["labels"]["namespace"].as_str().expect("one")));
        assert_eq!(named(&rules, "Mine")["expr"].as_str().map(str::trim), Some("mine{env=\"prod\"}"));
    }
    for mapping in ["['env=\"{{ .Values.global.nothing }}\"']", "{ env: '{{ .Values.global.nothing }}' }"] {
        refused(
            &format!("global: {{ additionalExprLabels: {mapping} }}"),
            &["global.additionalExprLabels", "expands to nothing"],
        );
    }
}

#[test]
fn severities_of_ones_own_and_in_any_case_are_mapped() {
    let values = "severityMap: { Critical: P1, WARNING: 3, page: call }\nrules: { ALERT: { severity: page }, Mine: { expr: up, severity: Warning } }";
    for rules in rules(values) {
        assert_eq!(rules[0]["labels"]["severity"], "call");
        assert_eq!(named(&rules, "Mine")["labels"]["severity"], "3");
        assert!(
            rules
                .iter()
                .all(|rule| rule["labels"]["severity"] != "critical"
                    && rule["labels"]["severity"] != "warning")
        );
    }
    refused("severityMap: { criticla: P1 }", &["severityMap.criticla", "critical, warning, info"]);
}

#[test]
fn patterns_may_have_backslashes_and_quotes() {
    for component in &catalogue().components {
        let regex = |alert: &&std::sync::Arc<catalogue::Alert>| {
            alert.rule.params.iter().any(|param| param.unit == catalogue::param::Unit::Regex)
        };
        let alert = component.alerts.iter().find(regex).expect("one has a pattern");
        let param =
            alert.rule.params.iter().find(|param| param.unit == catalogue::param::Unit::Regex).expect("it");
        let folder = tempfile::tempdir().expect("a folder");
        let path = written(
            &folder,
            &format!("rules: {{ {}: {{ params: {{ {}: 'a\\.b\\d+|\"<c>\"' }} }} }}", alert.name, param.name),
        );
        let broken = tempfile::tempdir().expect("a folder");
        let broken = (
            written(
                &broken,
                &format!("rules: {{ {}: {{ params: {{ {}: 'a(' }} }} }}", alert.name, param.name),
            ),
            broken,
        );
        for helm in helms() {
            let text = helm
                .template(&component.about.chart, Some(&path), &[])
                .unwrap_or_else(|error| panic!("{error}"));
            let rules = helm::rules(&text).expect("rules");
            let expr = named(&rules, &alert.name)["expr"].as_str().expect("an expression");
            assert!(expr.contains(r#""a\\.b\\d+|\"<c>\"""#), "{expr}");
            checked(&rules);
            let error = helm
                .template(&component.about.chart, Some(&broken.0), &[])
                .expect_err("no pattern")
                .to_string();
            assert!(error.contains(&*param.name) && error.contains("is not a regular expression"), "{error}");
        }
    }
}
