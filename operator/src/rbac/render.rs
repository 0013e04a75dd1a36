//! The table as the chart includes it.

use super::{
    Names, Rule, cluster_rules, existing_rules, own_rules, self_managed_rules, served_rules,
};
use crate::config::ObjectNames;

/// Where the chart has it.
pub const RIGHTS_FILE: &str = "charts/penstock/templates/operator/_rights.tpl";

const HEAD: &str = "\
{{- /* The operator's rights. Written by `make crds` from operator/src/rbac.rs: change them there. */}}
";

/// The file with the definitions `penstock.ownRules`, `penstock.servedRules` and `penstock.clusterRules`.
pub fn chart_template() -> String {
    let names = ObjectNames::new("{{ $prefix }}");
    let mut text = HEAD.to_owned();
    define(
        &mut text,
        "ownRules",
        "In its own namespace, for the installation itself.",
        |text| {
            line(text, "{{- $prefix := include \"penstock.prefix\" . -}}");
            rules(text, &own_rules(&names));
            line(text, "{{- if eq .Values.tls.source \"Existing\" }}");
            rules(
                text,
                &existing_rules("{{ include \"penstock.tlsSecret\" . }}"),
            );
            line(text, "{{- else }}");
            rules(text, &self_managed_rules(&names));
            line(text, "{{- end }}");
        },
    );
    define(
        &mut text,
        "servedRules",
        "In every namespace that it serves.",
        |text| {
            rules(text, &served_rules());
        },
    );
    define(
        &mut text,
        "clusterRules",
        "In the whole cluster, if it serves all namespaces.",
        |text| {
            rules(text, &cluster_rules());
        },
    );
    text
}

fn define(text: &mut String, name: &str, what: &str, body: impl FnOnce(&mut String)) {
    line(text, &format!("\n{{{{- /* {what} */}}}}"));
    line(text, &format!("{{{{- define \"penstock.{name}\" -}}}}"));
    body(text);
    line(text, "{{- end }}");
}

fn rules(text: &mut String, rules: &[Rule]) {
    for rule in rules {
        let Rule {
            group,
            resources,
            verbs,
            names,
            why,
        } = rule;
        line(text, &format!("# {why}"));
        line(text, &format!("- apiGroups: [\"{group}\"]"));
        line(text, &format!("  resources: [{}]", resources.join(", ")));
        line(text, &format!("  verbs: [{}]", verbs.join(", ")));
        if let Names::Only(names) = names {
            line(text, "  resourceNames:");
            for name in names {
                line(text, &format!("    - {name}"));
            }
        }
    }
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
