//! How to collect everything that an import can use.

/// Commands and PromQL that collect a node's evidence; `NODE` and `PROMETHEUS` are for the reader to replace.
pub fn queries(node: Option<&str>) -> String {
    QUERIES.replace("NODE", node.unwrap_or("NODE"))
}

const QUERIES: &str = r#"# The node, its pods, the kubelet's settings and its own figures
kubectl get node NODE -o json > node.json
kubectl get pods -A -o json --field-selector spec.nodeName=NODE > pods.json
kubectl get --raw /api/v1/nodes/NODE/proxy/configz > configz.json
kubectl get --raw /api/v1/nodes/NODE/proxy/stats/summary > summary.json

# On the node: kernel memory and page cache, which the kubelet does not report
cat /proc/meminfo > meminfo.txt

# A day of memory by container, and the node's own, from Prometheus (time stamps in seconds; date -d as GNU's)
range() {
  curl -sG "$PROMETHEUS/api/v1/query_range" --data-urlencode "query=$1" \
    -d "start=$(date -d '1 day ago' +%s)" -d "end=$(date +%s)" -d step=60
}
range 'container_memory_working_set_bytes{node="NODE",container!=""}' > wss.json
range 'container_memory_rss{node="NODE",container!=""}' > rss.json
range 'container_start_time_seconds{node="NODE",container!=""}' > start-time.json
range '{__name__=~"node_memory_(MemTotal|MemFree|AnonPages|Cached|Buffers|SwapCached|Active_file|Inactive_file)_bytes",instance=~"NODE.*"}' > node-memory.json

# All of it, in any order
oomsim import node.json pods.json configz.json summary.json meminfo.txt wss.json rss.json start-time.json node-memory.json --node NODE --out node1/
"#;

#[cfg(test)]
mod tests {
    #[test]
    fn the_node_is_put_in() {
        assert!(super::queries(Some("n1")).contains("kubectl get node n1 -o json"));
        assert!(super::queries(None).contains("--node NODE --out"));
    }
}
