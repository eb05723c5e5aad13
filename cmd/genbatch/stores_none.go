//go:build noclouds

package main

func registerStores() {}
