//! The charts in charts-out with real Helm (3 and 4) and real promtool (2 and 3).

use std::fs;
use std::path::{Path, PathBuf};

use catalogue::param::{Params, Unit};
use catalogue::{Alert, Catalogue, Component};
use generator::promql::Promql;
use integration_tests::helm::{self, Helm};
use integration_tests::promtool::Promtool;
use integration_tests::setup::root;
use serde_yaml::Value;

/// The operator refuses a PrometheusRule that becomes a larger file than this.
const OPERATOR_LIMIT: usize = 512 * 1024;

fn catalogue() -> Catalogue {
    catalogue::load(&root().join("content")).catalogue.expect("the content loads")
}

fn chart(component: &Component) -> &str {
    &component.about.chart
}

fn values(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/values").join(name)
}

/// A values file with other text.
fn written(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("values.yaml");
    fs::write(&path, text).expect("a values file can be written");
    path
}

fn helms() -> Vec<Helm> {
    Helm::all().expect("helm is installed: `just setup`")
}

fn promtools() -> Vec<Promtool> {
    Promtool::all().expect("promtool is installed: `just setup`")
}

fn template(chart: &str, values: Option<&Path>, set: &[&str]) -> String {
    helms()[0].template(chart, values, set).unwrap_or_else(|error| panic!("{chart}: {error}"))
}

/// The rules, by the chart rendered as a rule file.
fn rules(chart: &str, values: Option<&Path>, set: &[&str]) -> Vec<Value> {
    helm::rules(&template(chart, values, set)).expect("the rendered chart is YAML")
}

fn rule<'a>(rules: &'a [Value], name: &str) -> &'a Value {
    let found = rules.iter().find(|rule| rule["alert"] == name || rule["record"] == name);
    found.unwrap_or_else(|| panic!("no rule {name} in {rules:#?}"))
}

fn text<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    path.iter().fold(value, |value, key| &value[*key]).as_str().unwrap_or("(no text)")
}

/// The rules alone, as a file that promtool reads.
fn rule_file(rendered: &str) -> String {
    let rules = helm::rules(rendered).expect("the rendered chart is YAML");
    let group = serde_json::json!({ "groups": [{ "name": "all", "rules": rules }] });
    group.to_string()
}

fn refused(chart: &str, values: &str, word: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = written(&folder, values);
    for helm in helms() {
        for error in [helm.template(chart, Some(&path), &[]), helm.lint(chart, Some(&path), &[])] {
            let error = error.expect_err(&format!("{values} must be refused")).to_string();
            assert!(error.contains(word), "{values}: the message does not name `{word}`:\n{error}");
        }
    }
}

#[test]
fn every_chart_lints_strictly_and_renders_the_same_with_every_helm() {
    for component in &catalogue().components {
        let ci =
            fs::read_dir(helm::charts().join(chart(component)).join("ci")).expect("the chart has ci values");
        let mut files: Vec<_> = ci.filter_map(Result::ok).map(|entry| Some(entry.path())).collect();
        files.push(None);
        assert!(files.len() > 2);
        for values in files {
            let render = |helm: &Helm| {
                helm.lint(chart(component), values.as_deref(), &[]).unwrap_or_else(|error| panic!("{error}"));
                let text = helm
                    .template(chart(component), values.as_deref(), &[])
                    .unwrap_or_else(|error| panic!("{error}"));
                helm::documents(&text).expect("the rendered chart is YAML")
            };
            let rendered: Vec<_> = helms().iter().map(render).collect();
            assert!(
                rendered.windows(2).all(|pair| pair[0] == pair[1]),
                "{} with {values:?}",
                chart(component)
            );
        }
    }
}

#[test]
fn the_default_rules_are_those_of_the_content() {
    for component in &catalogue().components {
        let rules = rules(chart(component), None, &[]);
        assert_eq!(rules.len(), component.alerts.len());
        for alert in &component.alerts {
            let rule = rule(&rules, &alert.name);
            let filled = |text: &str| alert.rule.params.fill(text.trim());
            assert_eq!(text(rule, &["expr"]).trim(), filled(&alert.rule.expr), "{}", alert.name);
            assert_eq!(text(rule, &["for"]), filled(&alert.rule.hold), "{}", alert.name);
            assert_eq!(text(rule, &["labels", "severity"]), alert.rule.severity.name());
            assert_eq!(text(rule, &["annotations", "summary"]), &*alert.rule.summary);
            assert_eq!(text(rule, &["annotations", "description"]), filled(&alert.rule.description));
            let url = format!(
                "https://qonto.github.io/database-monitoring-framework/{}/runbooks/{}/{}",
                env!("CARGO_PKG_VERSION"),
                component.name,
                alert.name
            );
            assert_eq!(text(rule, &["annotations", "runbook_url"]), url);
        }
    }
}

#[test]
fn the_rendered_object_fits_its_definition_and_the_operators_limit() {
    let schema =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas/prometheusrule.json"));
    let schema: serde_json::Value =
        serde_json::from_str(&schema.expect("the schema is there")).expect("it is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    for component in &catalogue().components {
        let all = helm::charts().join(chart(component)).join("ci/all-values.yaml");
        for values in [None, Some(all.as_path())] {
            let rendered = template(chart(component), values, &[]);
            assert!(rendered.len() < OPERATOR_LIMIT / 2, "{} has {} bytes", chart(component), rendered.len());
            let documents = helm::documents(&rendered).expect("the rendered chart is YAML");
            let objects: Vec<_> =
                documents.iter().filter(|document| document["kind"] == "PrometheusRule").collect();
            assert_eq!(objects.len(), 1);
            let object = serde_json::to_value(objects[0]).expect("YAML becomes JSON");
            let errors: Vec<_> = validator
                .iter_errors(&object)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert_eq!(errors, Vec::<String>::new());
        }
    }
    // The schema notices what the API server would drop or refuse.
    let rendered = template(chart(&catalogue().components[0]), None, &[]);
    for (from, to) in
        [("  for: ", "  keepFiringFor: "), ("  expr: |", "  exp: |"), ("severity: critical", "severity: 1")]
    {
        let broken: Value = serde_yaml::from_str(&rendered.replacen(from, to, 1)).expect("it is still YAML");
        assert!(!validator.is_valid(&serde_json::to_value(broken).expect("YAML becomes JSON")), "{to}");
    }
}

#[test]
fn promtool_accepts_the_rules_with_any_values() {
    let folder = tempfile::tempdir().expect("a folder");
    for component in &catalogue().components {
        let all = helm::charts().join(chart(component)).join("ci/all-values.yaml");
        let moved = written(&folder, &every_parameter_moved(component));
        for values in [None, Some(all.as_path()), Some(moved.as_path())] {
            // A rule file has no room for them.
            let settings = ["format=PrometheusConfigurationFile", "extraManifests=null"];
            let rendered = template(chart(component), values, &settings);
            for promtool in promtools() {
                promtool.check_rules(&rule_file(&rendered)).unwrap_or_else(|error| panic!("{error}"));
            }
        }
    }
}

/// Values in which every parameter has another value than its default.
fn every_parameter_moved(component: &Component) -> String {
    let mut text = String::from("rules:\n");
    for alert in component.alerts.iter().filter(|alert| !alert.rule.params.is_empty()) {
        text += &format!("  {}:\n    params:\n", alert.name);
        for param in alert.rule.params.iter() {
            text += &format!("      {}: {}\n", param.name, moved(alert, &param.name));
        }
    }
    text
}

/// Another value of a parameter: within its bounds, and recognisable.
fn moved(alert: &Alert, name: &str) -> String {
    let param = alert.rule.params.get(name).expect("the parameter exists");
    match param.unit {
        Unit::Duration => "\"37m\"".to_owned(),
        Unit::Regex => "\"moved|patterns\"".to_owned(),
        _ => {
            let number = param.number().expect("it is a number");
            let (min, max) = (param.min.unwrap_or(f64::MIN), param.max.unwrap_or(f64::MAX));
            let candidates = [
                number + 1.0,
                number - 1.0,
                number / 2.0,
                f64::midpoint(min, number),
                f64::midpoint(max, number),
            ];
            let fits = |value: &&f64| (min..=max).contains(*value) && (**value - number).abs() > f64::EPSILON;
            candidates.iter().find(fits).expect("some value fits").to_string()
        }
    }
}

#[test]
fn every_parameter_reaches_its_rule() {
    let folder = tempfile::tempdir().expect("a folder");
    for component in &catalogue().components {
        let path = written(&folder, &every_parameter_moved(component));
        let rules = rules(chart(component), Some(&path), &[]);
        for alert in &component.alerts {
            let value = |name: &str| Some(moved(alert, name).trim_matches('"').to_owned());
            let expected = catalogue::interpolate::fill(alert.rule.expr.trim(), value);
            let rule = rule(&rules, &alert.name);
            assert_eq!(text(rule, &["expr"]).trim(), expected, "{}", alert.name);
            let description = catalogue::interpolate::fill(alert.rule.description.trim(), value);
            assert_eq!(text(rule, &["annotations", "description"]), description, "{}", alert.name);
        }
    }
}

#[test]
fn additional_matchers_and_labels_reach_every_selector_and_every_list() {
    let set = [
        "global.additionalExprLabels={environment=production,tenant=~\"a|b\"}",
        "global.additionalAggregationLabels={cluster,namespace}",
    ];
    for component in &catalogue().components {
        let rules = rules(chart(component), None, &set);
        for alert in &component.alerts {
            let before = Promql::parse(&alert.rule.expr, &alert.rule.params).expect("the content is checked");
            let expr = text(rule(&rules, &alert.name), &["expr"]);
            let after =
                Promql::parse(expr, &Params::default()).unwrap_or_else(|error| panic!("{error:?}\n{expr}"));
            assert_eq!(before.selectors().len(), after.selectors().len());
            for selector in after.selectors() {
                let has = |name: &str, value: &str| {
                    selector
                        .matchers
                        .matchers
                        .iter()
                        .any(|matcher| matcher.name == name && matcher.value == value)
                };
                assert!(has("environment", "production") && has("tenant", "a|b"), "{selector} in {expr}");
            }
            for list in expr.split(" by (").skip(1).chain(expr.split(" on (").skip(1)) {
                let list = list.split(')').next().unwrap_or_default();
                assert!(list.contains("cluster") && list.contains("namespace"), "{list} in {expr}");
            }
        }
    }
}

#[test]
fn values_of_the_existing_charts_go_on_working() {
    for component in &catalogue().components {
        let rendered = template(chart(component), Some(&values("existing-global.yaml")), &[]);
        let documents = helm::documents(&rendered).expect("the rendered chart is YAML");
        let object = &documents[0];
        assert_eq!(text(object, &["metadata", "labels", "release"]), "kube-prometheus-stack");
        let groups = object["spec"]["groups"].as_sequence().expect("there are groups");
        assert_eq!(groups.len(), 1, "one group, as in the existing charts");
        assert_eq!(text(&groups[0], &["name"]), "company.rules");
        for rule in helm::rules(&rendered).expect("there are rules") {
            let name = text(&rule, &["alert"]).to_owned();
            assert_eq!(text(&rule, &["labels", "team"]), "database");
            assert_eq!(text(&rule, &["keep_firing_for"]), "10m");
            let url = format!("https://acme.example/runbooks/{}/{name}.md", env!("CARGO_PKG_VERSION"));
            assert_eq!(text(&rule, &["annotations", "runbook_url"]), url);
            let expr = text(&rule, &["expr"]);
            for selector in Promql::parse(expr, &Params::default()).expect("it parses").selectors() {
                assert!(selector.to_string().contains("environment=\"production\""), "{name}: {selector}");
            }
        }
    }
}

#[test]
fn rules_of_the_existing_charts_go_on_working() {
    let folder = tempfile::tempdir().expect("a folder");
    for component in &catalogue().components {
        let alert = &component.alerts[0];
        let file = fs::read_to_string(values("existing-rules.yaml")).expect("the values are there");
        let path = written(&folder, &file.replace("ALERT", &alert.name));
        let rendered = template(chart(component), Some(&path), &[]);
        assert!(rendered.contains("# pint disable promql/series"), "{rendered}");
        let rules = helm::rules(&rendered).expect("there are rules");
        let changed = rule(&rules, &alert.name);
        assert_eq!(text(changed, &["for"]), "20m");
        assert_eq!(text(changed, &["keep_firing_for"]), "7m");
        assert_eq!(text(changed, &["labels", "severity"]), "info");
        assert_eq!(text(changed, &["labels", "priority"]), "P1");
        assert_eq!(text(changed, &["annotations", "summary"]), "Our own words");
        assert!(text(changed, &["expr"]).contains("environment=\"production\",cluster=\"a\""), "{changed:?}");
        let own = rule(&rules, "OurOwnRule");
        assert_eq!(
            text(own, &["expr"]).trim(),
            "our_metric{environment=\"production\",kind=\"x\"} > 1296000"
        );
        assert_eq!(text(own, &["annotations", "description"]), "It is {{ $value }}");
        assert_eq!(own["labels"]["severity"], Value::Null, "an own rule gets no severity that nobody chose");
    }
}

#[test]
fn switches_do_what_they_say() {
    for component in &catalogue().components {
        let (first, last) = (&component.alerts[0].name, &component.alerts[component.alerts.len() - 1]);
        let switch = |set: &[&str]| rules(chart(component), None, set);
        let off = switch(&[&format!("rules.{first}.enabled=false")]);
        assert_eq!(off.len(), component.alerts.len() - 1);
        let group = &*last.rule.group;
        let members = component.alerts.iter().filter(|alert| *alert.rule.group == *group).count();
        let off = switch(&[&format!("groups.{group}.enabled=false")]);
        assert_eq!(off.len(), component.alerts.len() - members);
        let severe = switch(&["severityLabel=priority", "severityMap.critical=P1", "severityMap.warning=P3"]);
        assert!(severe.iter().all(|rule| rule["labels"]["severity"].is_null()));
        assert!(
            severe.iter().all(|rule| ["P1", "P3", "info"].contains(&text(rule, &["labels", "priority"])))
        );
        let own = switch(&[&format!("rules.{first}.severity=info")]);
        assert_eq!(text(rule(&own, first), &["labels", "severity"]), "info");
        let global =
            switch(&["global.additionalRuleLabels.severity=P9", &format!("rules.{first}.severity=info")]);
        assert_eq!(
            text(rule(&global, first), &["labels", "severity"]),
            "info",
            "what is said of one rule wins"
        );
        assert_eq!(text(rule(&global, &last.name), &["labels", "severity"]), "P9");
        assert_eq!(switch(&["rules=null"]), switch(&[]), "no rules of the user means those of the chart");
        let record = switch(&["rules.MyRecord.record=my:record", "rules.MyRecord.expr=sum(up)"]);
        assert!(rule(&record, "my:record")["alert"].is_null());
        let own = switch(&["rules.MyOwn.expr=up"]);
        assert!(rule(&own, "MyOwn")["annotations"].is_null(), "the site has no page for an own rule");
        let own = switch(&["rules.MyOwn.expr=up", "defaultRunbookUrl=https://x.example/{{alertName}}"]);
        assert_eq!(text(rule(&own, "MyOwn"), &["annotations", "runbook_url"]), "https://x.example/MyOwn");
        let linked = switch(&[&format!("rules.{first}.runbookUrl=https://x.example/{{{{alertName}}}}")]);
        assert_eq!(
            text(rule(&linked, first), &["annotations", "runbook_url"]),
            format!("https://x.example/{first}")
        );
        let silent = switch(&["defaultRunbookUrl="]);
        assert!(silent.iter().all(|rule| rule["annotations"]["runbook_url"].is_null()));
        let split = template(chart(component), None, &[&format!("groups.{group}.interval=5m")]);
        let documents = helm::documents(&split).expect("the rendered chart is YAML");
        let groups = documents[0]["spec"]["groups"].as_sequence().expect("there are groups");
        assert_eq!(text(&groups[1], &["interval"]), "5m");
        assert_eq!(text(&groups[1], &["name"]), format!("{}.{group}", &*component.about.rule_group));
        assert_eq!(groups[1]["rules"].as_sequence().map(Vec::len), Some(members));
        let all_off: Vec<_> =
            component.about.groups.keys().map(|group| format!("groups.{group}.enabled=false")).collect();
        let all_off: Vec<_> = all_off.iter().map(String::as_str).collect();
        assert!(helm::documents(&template(chart(component), None, &all_off)).expect("YAML").is_empty());
    }
}

#[test]
fn mistakes_are_refused_and_named() {
    for component in &catalogue().components {
        let chart = chart(component);
        let with_params =
            component.alerts.iter().find(|alert| !alert.rule.params.is_empty()).expect("one has params");
        let name = &*with_params.name;
        let misspelt = format!("{name}s");
        refused(chart, &format!("rules: {{ {misspelt}: {{ for: 5m }} }}"), &misspelt);
        refused(chart, &format!("rules: {{ {name}: {{ params: {{ treshold: 5 }} }} }}"), "treshold");
        refused(chart, &format!("rules: {{ {name}: {{ fro: 5m }} }}"), "fro");
        refused(chart, &format!("rules: {{ {name}: {{ for: 5 }} }}"), "for");
        refused(chart, &format!("rules: {{ {name}: {{ for: 5 minutes }} }}"), "for");
        refused(chart, "format: PrometheusRule", "format");
        refused(chart, "format: null", "format");
        refused(chart, "rulesGroupName: null", "rulesGroupName");
        refused(chart, "rulesGroupNames: x", "rulesGroupNames");
        refused(chart, "groups: { nonsense: { enabled: false } }", "nonsense");
        refused(chart, "global: { additionalExprLabel: [a=b] }", "additionalExprLabel");
        refused(chart, "additionalPrometheusRuleLabels: [a]", "additionalPrometheusRuleLabels");
        let error = helms()[0]
            .template(chart, None, &["global.additionalExprLabels={production}"])
            .expect_err("no matcher");
        assert!(error.to_string().contains("is not a matcher"), "{error}");
    }
}

#[test]
fn parameters_keep_to_their_bounds() {
    for component in &catalogue().components {
        for alert in &component.alerts {
            for param in alert.rule.params.iter() {
                let Some(max) = param.max else { continue };
                let values =
                    format!("rules: {{ {}: {{ params: {{ {}: {} }} }} }}", alert.name, param.name, max + 1.0);
                refused(chart(component), &values, &param.name);
                break;
            }
        }
    }
}

#[test]
fn the_notes_say_how_to_see_the_rules_picked_up() {
    for component in &catalogue().components {
        for helm in helms() {
            let notes = helm.notes(chart(component)).unwrap_or_else(|error| panic!("{error}"));
            for word in [
                "get prometheusrule",
                "ruleSelector",
                "additionalPrometheusRuleLabels",
                &*component.about.rule_group,
            ] {
                assert!(notes.contains(word), "{word} is not in\n{notes}");
            }
        }
    }
}
