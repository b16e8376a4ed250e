// Package backup copies a live store consistently and incrementally, verifies
// copies and live stores, and restores them. What it copies is sealed already.
package backup
