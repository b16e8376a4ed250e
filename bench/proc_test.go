package main

import (
	"slices"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want process
		bad  bool
	}{
		{text: "42 (lmtp) S 7 42 42 0 -1 4194560 100 0 0 0 3 5 11 13 20 0 1 0 99 0 0", want: process{42, 7, 320 * time.Millisecond}},
		// A process may call itself anything, also this.
		{text: "42 (a) R 1 (b) S 7 42 42 0 -1 4194560 100 0 0 0 1 0 0 0 20 0", want: process{42, 7, 10 * time.Millisecond}},
		{text: "", bad: true},
		{text: "42 lmtp S 7", bad: true},
		{text: "42 (lmtp) S 7 42", bad: true},
		{text: "42 (lmtp) S seven 42 42 0 -1 4194560 100 0 0 0 3 5 11 13 20", bad: true},
		{text: "42 (lmtp) S 7 42 42 0 -1 4194560 100 0 0 0 x 5 11 13 20", bad: true},
	}
	for _, tt := range tests {
		got, err := parseStat(tt.text)
		if (err != nil) != tt.bad || !tt.bad && got != tt.want {
			t.Errorf("parseStat(%q) = %+v, %v; want %+v", tt.text, got, err, tt.want)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("42 (lmtp) S 7 42 42 0 -1 4194560 100 0 0 0 3 5 11 13 20 0 1 0 99 0 0")
	f.Add(")(")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := parseStat(text); err != nil && p != (process{}) {
			t.Errorf("an error came with %+v", p)
		}
	})
}

func TestFamily(t *testing.T) {
	t.Parallel()
	all := []process{{pid: 1}, {pid: 10, parent: 1}, {pid: 13, parent: 11}, {pid: 11, parent: 10}, {pid: 12, parent: 10}, {pid: 20, parent: 1}}
	var got []int
	for _, p := range family(all, 10) {
		got = append(got, p.pid)
	}
	slices.Sort(got)
	if !slices.Equal(got, []int{10, 11, 12, 13}) {
		t.Errorf("the family of 10 is %v", got)
	}
	if len(family(all, 99)) != 0 {
		t.Error("a process that is gone has a family")
	}
}

func TestParseCPUStat(t *testing.T) {
	t.Parallel()
	got, err := parseCPUStat("usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\n")
	if err != nil || got != 1234567*time.Microsecond {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := parseCPUStat("user_usec 1\n"); err == nil {
		t.Error("no usage was no error")
	}
}

func TestParseRollup(t *testing.T) {
	t.Parallel()
	const text = "00400000-7fff00000000 ---p 00000000 00:00 0  [rollup]\nRss:                2048 kB\nPss:                1024 kB\nPss_Anon:            700 kB\n"
	got, err := parseRollup(text)
	if err != nil || got != (memory{rss: 2 << 20, pss: 1 << 20, anon: 700 << 10}) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := parseRollup("Rss: 5 MB\nPss: 5 MB\n"); err == nil {
		t.Error("an unknown unit was taken")
	}
}

func TestParseStatm(t *testing.T) {
	t.Parallel()
	if got, err := parseStatm("500 300 200 1 0 99 0\n", 4096); err != nil || got != (memory{300 * 4096, 300 * 4096, 300 * 4096}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "1", "a b"} {
		if _, err := parseStatm(bad, 4096); err == nil {
			t.Errorf("%q is no error", bad)
		}
	}
}

func TestFindCgroup(t *testing.T) {
	t.Parallel()
	const mounts = "24 30 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - tmpfs tmpfs ro,mode=755\n" +
		"31 24 0:27 / /sys/fs/cgroup/cpu rw shared:9 - cgroup cgroup rw,cpu\n" +
		"25 24 0:23 / /sys/fs/cgroup/unified rw,nosuid shared:5 - cgroup2 cgroup2 rw\n"
	if got, ok := unifiedMount(mounts); !ok || got != "/sys/fs/cgroup/unified" {
		t.Errorf("mount %q, %v", got, ok)
	}
	if _, ok := unifiedMount("24 30 0:22 / /sys rw shared:4 - sysfs sysfs rw\n"); ok {
		t.Error("found what is not there")
	}
	if got, ok := unifiedPath("4:memory:/a\n0::/user.slice/session-1.scope\n"); !ok || got != "/user.slice/session-1.scope" {
		t.Errorf("path %q, %v", got, ok)
	}
	if _, ok := unifiedPath("4:memory:/a\n"); ok {
		t.Error("found a path without version 2")
	}
}
