package dns

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// resolvConf is what /etc/resolv.conf said lately.
type resolvConf struct {
	mu      sync.Mutex
	servers []string
	until   time.Time
}

// rereadAfter is how soon a change of /etc/resolv.conf counts.
const rereadAfter = 30 * time.Second

// servers are those that were set, else those of the machine.
func (r *Resolver) servers() ([]string, error) {
	if len(r.Servers) > 0 {
		return r.Servers[:min(len(r.Servers), maxServers)], nil
	}
	r.conf.mu.Lock()
	defer r.conf.mu.Unlock()
	if now := r.now(); now.After(r.conf.until) {
		servers, err := fromFile("/etc/resolv.conf")
		if err != nil {
			return nil, err
		}
		r.conf.servers, r.conf.until = servers, now.Add(rereadAfter)
	}
	return r.conf.servers, nil
}

// fromFile reads the name servers of a resolv.conf(5).
func fromFile(path string) ([]string, error) {
	c, err := dns.ClientConfigFromFile(path)
	if err != nil {
		return nil, fmt.Errorf("find name servers: %w", err)
	}
	var servers []string
	for _, s := range c.Servers[:min(len(c.Servers), maxServers)] {
		servers = append(servers, net.JoinHostPort(s, c.Port))
	}
	if len(servers) == 0 {
		return nil, errors.New("find name servers: none in " + path)
	}
	return servers, nil
}
