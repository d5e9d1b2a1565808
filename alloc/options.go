package alloc

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"

	"github.com/caprock/caprock/alloc/api"
	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/fanout"
	"github.com/caprock/caprock/alloc/loop"
	"github.com/caprock/caprock/store/kv"
	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos"
)

// Options configure the service. WorkDir is required; the zero value of any
// other field means its default.
type Options struct {
	// WorkDir is where everything durable is kept, by this process alone.
	WorkDir string

	// Listen is the address to serve on, "host:port"; default "127.0.0.1:5050".
	// Port 0 takes a free one; see Service.Addr.
	Listen string
	// Hostname is what clients are told to connect to; default the host of
	// Listen, or this machine's name if that is a wildcard.
	Hostname string
	// AdvertiseIP and AdvertisePort are told to clients instead of the ones
	// that Listen says; default those.
	AdvertiseIP   string
	AdvertisePort int

	// Whitelist is a file with the names of the hosts whose agents are offered, one a
	// line, read again every five seconds; "" or "*" offers all.
	Whitelist string

	// Domain is the fault domain of this process: agents in other regions are offered
	// to REGION_AWARE frameworks only. nil: none, and agents with one are refused.
	Domain *mesos.DomainInfo

	// Cluster is a name for people; may be empty.
	Cluster string
	// Version of the program; default "dev".
	Version string
	// Flags are shown by /flags and GET_FLAGS.
	Flags []api.Flag
	// ClusterID is what a new, empty store calls its cluster; default random. That of
	// a cluster whose store was lost lets its agents come back with their tasks.
	ClusterID string
	// LogFile is served as /master/log; may be empty.
	LogFile string

	// NoFrameworkMetrics leaves master/frameworks/… out of /metrics/snapshot.
	NoFrameworkMetrics bool

	// Core sets the rules and timeouts. MasterInfo, ClusterID and Allocator
	// are filled in by the service.
	Core core.Options
	// The parts' own options; clocks and loggers are filled in by the service.
	HTTP   httpd.Options
	Store  kv.Options
	Loop   loop.Options
	Fanout fanout.Options

	Clock  clock.Clock  // default the machine's
	Logger *slog.Logger // default slog.Default()
	// LogLevel is Logger's, for SET_LOGGING_LEVEL; may be nil.
	LogLevel *slog.LevelVar
}

// EnsureDefaults fills in what is zero.
func (o *Options) EnsureDefaults() {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:5050"
	}
	if o.Clock == nil {
		o.Clock = clock.Real()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Version == "" {
		o.Version = "dev"
	}
}

// Validate reports every fault at once.
func (o *Options) Validate() error {
	var errs []error
	if o.WorkDir == "" {
		errs = append(errs, errors.New("work dir: got none, want a directory"))
	}
	if _, port, err := net.SplitHostPort(o.Listen); err != nil {
		errs = append(errs, fmt.Errorf("listen: got %q, want host:port", o.Listen))
	} else if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		errs = append(errs, fmt.Errorf("listen: got port %q, want a number below 65536", port))
	}
	if o.AdvertiseIP != "" && net.ParseIP(o.AdvertiseIP) == nil {
		errs = append(errs, fmt.Errorf("advertise ip: got %q, want an IP address", o.AdvertiseIP))
	}
	if o.AdvertisePort < 0 || o.AdvertisePort > 65535 {
		errs = append(errs, fmt.Errorf("advertise port: got %d, want a number below 65536", o.AdvertisePort))
	}
	return errors.Join(errs...)
}

// identity is how clients reach the service.
type identity struct {
	hostname string
	ip       net.IP
	port     int
}

// identify works out what to tell clients, given where the service listens.
func (o *Options) identify(bound net.Addr) identity {
	tcp := bound.(*net.TCPAddr)
	id := identity{hostname: o.Hostname, ip: net.ParseIP(o.AdvertiseIP), port: o.AdvertisePort}
	if id.port == 0 {
		id.port = tcp.Port
	}
	if id.ip == nil {
		id.ip = tcp.IP
		if id.ip.IsUnspecified() {
			id.ip = machineIP()
		}
	}
	host, _, _ := net.SplitHostPort(o.Listen)
	if id.hostname == "" && host != "" && !tcp.IP.IsUnspecified() {
		id.hostname = host
	}
	if id.hostname == "" {
		if name, err := os.Hostname(); err == nil {
			id.hostname = name
		} else {
			id.hostname = id.ip.String()
		}
	}
	return id
}

// machineIP is an address of this machine that others may reach, or loopback.
func machineIP() net.IP {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return net.IPv4(127, 0, 0, 1)
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP
		}
	}
	return net.IPv4(127, 0, 0, 1)
}
