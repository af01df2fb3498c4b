"""Gradients of other people's making: twenty wrong rules that a check must catch, forty right ones it must let pass."""
