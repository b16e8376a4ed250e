package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const clusterFiles = "../dist/cluster"

// compose is what a test looks at of compose.yaml.
type compose struct {
	Services map[string]struct {
		Hostname string
		Image    string
		Command  []string
		Networks map[string]struct {
			Aliases []string
			Address string `yaml:"ipv4_address"`
		}
		Volumes []string
		Ports   []string
		Secrets []string
		Depends []string `yaml:"depends_on"`
	}
	Secrets map[string]struct{ File string }
	Volumes map[string]struct{}
}

func readCompose(t *testing.T) (c compose) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(clusterFiles, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestComposeFile: what one part of the example names another one has.
func TestComposeFile(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	named := map[string]bool{} // hosts that others can name
	for name, s := range c.Services {
		named[name], named[s.Hostname] = true, true
		for _, n := range s.Networks {
			for _, alias := range n.Aliases {
				named[alias] = true
			}
		}
		for _, other := range s.Depends {
			if _, ok := c.Services[other]; !ok {
				t.Errorf("%s depends on %s, which is not there", name, other)
			}
		}
		for _, secret := range s.Secrets {
			if c.Secrets[secret].File == "" {
				t.Errorf("%s wants the secret %s, which is not there", name, secret)
			}
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if _, ok := c.Volumes[from]; ok || from == "./etc" {
				continue
			}
			if _, err := os.Stat(filepath.Join(clusterFiles, from)); err != nil {
				t.Errorf("%s mounts %s: %v", name, from, err)
			}
		}
	}
	for _, node := range []string{"node1", "node2", "node3"} {
		s := c.Services[node]
		if s.Image != "sealpost" || !slices.Contains(s.Command, "/etc/sealpost/sealpost.toml") || len(s.Ports) != 0 { // everybody comes by the balancer
			t.Errorf("%s: %+v", node, s)
		}
	}
	settings, err := os.ReadFile(filepath.Join(clusterFiles, "sealpost.toml"))
	if err != nil {
		t.Fatal(err)
	}
	balancer, err := os.ReadFile(filepath.Join(clusterFiles, "haproxy.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range regexp.MustCompile(`[a-z0-9]+\.internal`).FindAllString(string(settings), -1) {
		if !named[host] {
			t.Errorf("settings name %s, which compose does not", host)
		}
	}
	if at := c.Services["balancer"].Networks["default"].Address; at == "" || !strings.Contains(string(settings), `proxy_protocol_from = ["`+at+`/32"]`) {
		t.Errorf("the balancer is at %q, which the nodes do not believe", at)
	}
	for _, server := range regexp.MustCompile(`(?m)^    server \S+ (\w+):(\d+)$`).FindAllStringSubmatch(string(balancer), -1) {
		if !named[server[1]] || !slices.Contains(c.Services["balancer"].Ports, server[2]+":"+server[2]) {
			t.Errorf("the balancer passes on to %s, port %s", server[1], server[2])
		}
	}
	if !strings.Contains(string(balancer), "default-server send-proxy-v2 check") || strings.Count(string(balancer), ":25\n") != 4 {
		t.Error("the balancer does not say who comes, or leaves port 25 out")
	}
	if !strings.Contains(string(balancer), "check port 9110") || !strings.Contains(string(settings), `listen = [":9110"]`) {
		t.Error("balancer and nodes do not agree on where a node says how it is")
	}
}

// TestClusterFiles: the programs that read the example's files have nothing to say against them.
func TestClusterFiles(t *testing.T) {
	t.Parallel()
	bin, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	do(t, nil, bin, "check", "--local", "--config", filepath.Join(clusterFiles, "sealpost.toml"))
	scripts, _ := filepath.Glob(filepath.Join(clusterFiles, "postgres", "*.sh"))
	if len(scripts) != 2 {
		t.Errorf("scripts are %q", scripts)
	}
	for _, script := range scripts {
		do(t, nil, "sh", "-n", script)
	}
	t.Run("haproxy", func(t *testing.T) {
		need(t, "haproxy")
		do(t, nil, "haproxy", "-c", "-f", filepath.Join(clusterFiles, "haproxy.cfg"))
	})
	t.Run("unit", func(t *testing.T) {
		need(t, "systemd-analyze")
		unit := filepath.Join(t.TempDir(), "sealpost.service")
		text, err := os.ReadFile("../dist/sealpost.service")
		if err != nil {
			t.Fatal(err)
		}
		text = []byte(strings.NewReplacer("/usr/local/bin/sealpost", bin, "User=sealpost", "User=nobody").Replace(string(text)))
		if err := os.WriteFile(unit, text, 0o644); err != nil {
			t.Fatal(err)
		}
		if said, err := exec.Command("systemd-analyze", "verify", unit).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, said)
		}
	})
}
