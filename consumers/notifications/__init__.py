"""Notifications: whoever was told something wrong is told what is right, once. Nothing here is a view, and no replay sends."""
