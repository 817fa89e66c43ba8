#!/usr/bin/env frontend
# syntax=docker/dockerfile:1
FROM a:1
