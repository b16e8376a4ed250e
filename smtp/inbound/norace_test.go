//go:build !race

package inbound

const underRace = false
