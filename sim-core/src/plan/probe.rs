//! Probes of a container (core/v1 `Probe`).

use crate::node_api::Name;
use crate::units::SimDuration;

/// What a probe is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProbeKind {
    /// A container that fails it is killed.
    Liveness,
    /// A container that fails it gets no traffic.
    Readiness,
    /// Until it has succeeded the others wait; a container that fails it is killed.
    Startup,
}

impl ProbeKind {
    /// All of them.
    pub const ALL: [ProbeKind; 3] = [ProbeKind::Liveness, ProbeKind::Readiness, ProbeKind::Startup];

    /// The field of a container.
    pub const fn field(self) -> &'static str {
        match self {
            ProbeKind::Liveness => "livenessProbe",
            ProbeKind::Readiness => "readinessProbe",
            ProbeKind::Startup => "startupProbe",
        }
    }

    /// The word in events (pkg/kubelet/prober/prober.go).
    pub const fn word(self) -> &'static str {
        match self {
            ProbeKind::Liveness => "Liveness",
            ProbeKind::Readiness => "Readiness",
            ProbeKind::Startup => "Startup",
        }
    }
}

/// How a container is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeHandler {
    /// `exec`: the command.
    Exec(Name),
    /// `httpGet`: port and path.
    Http {
        /// Port.
        port: Name,
        /// Path.
        path: Name,
    },
    /// `tcpSocket`: port.
    Tcp(Name),
    /// `grpc`: port.
    Grpc(Name),
}

/// A probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbePlan {
    /// What it is for.
    pub kind: ProbeKind,
    /// How the container is asked.
    pub handler: ProbeHandler,
    /// `initialDelaySeconds`.
    pub initial_delay: SimDuration,
    /// `periodSeconds`.
    pub period: SimDuration,
    /// `timeoutSeconds`.
    pub timeout: SimDuration,
    /// `failureThreshold`.
    pub failure_threshold: u32,
    /// `successThreshold`.
    pub success_threshold: u32,
    /// `terminationGracePeriodSeconds`; `None`: the pod's.
    pub grace_seconds: Option<i64>,
}

impl ProbePlan {
    /// A probe with the defaults of core/v1.
    pub fn new(kind: ProbeKind, handler: ProbeHandler) -> Self {
        ProbePlan {
            kind,
            handler,
            initial_delay: SimDuration::ZERO,
            period: SimDuration::from_secs(10),
            timeout: SimDuration::from_secs(1),
            failure_threshold: 3,
            success_threshold: 1,
            grace_seconds: None,
        }
    }

    /// What the kubelet says of one that gets no answer in time (pkg/probe/http, exec, tcp, grpc); `host` is the pod's
    /// address.
    pub fn timed_out(&self, host: &str) -> String {
        let seconds = self.timeout.as_secs();
        let what = match &self.handler {
            ProbeHandler::Exec(command) => format!("command timed out: {command:?} timed out after {seconds}s"),
            ProbeHandler::Http { port, path } => format!(
                "Get \"http://{host}:{port}{path}\": context deadline exceeded (Client.Timeout exceeded while awaiting \
                 headers)"
            ),
            ProbeHandler::Tcp(port) => format!("dial tcp {host}:{port}: i/o timeout"),
            ProbeHandler::Grpc(port) => format!(
                "timeout: failed to connect service \"{host}:{port}\" within {seconds}s: context deadline exceeded"
            ),
        };
        format!("{} probe failed: {what}", self.kind.word())
    }
}
