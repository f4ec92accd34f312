"""The conversation: what was said, what is being said, and the box to say more."""

import streamlit as st

from core.app.app import parlor
from ui.chat.input import box
from ui.chat.live_run import aloud, live
from ui.chat.message import message
from ui.chat.welcome import welcome
from ui.i18n.words import say
from ui.shell.frame import stand

SHOWN = 60  # messages drawn at first: a page of 500 takes 1.5 s, one of 60 about 0.15 s

stand()
store, runs = parlor().store, parlor().runs
conversation = st.query_params.get("c", "")
if conversation and not store.conversation(conversation):
    st.query_params.clear()
    st.info(say("gone"), icon=":material/search_off:")
    conversation = ""

run = runs.of(conversation) if conversation else None  # first: a run that ends now is done in the path
path = store.path(conversation) if conversation else []
writing = run.answer if run and any(node.id == run.answer and node.state == "running" for node in path) else None
suggestion = None if path else welcome()
limit = st.session_state.setdefault("shown", {}).get(conversation, SHOWN)
earlier = say("show_earlier", count=len(path) - limit)
if len(path) > limit and st.button(earlier, type="tertiary", icon=":material/expand_less:"):
    st.session_state["shown"][conversation] = limit + SHOWN
    st.rerun()
for node in path[-limit:]:
    if run and node.id == writing:
        live(run)
    else:
        message(node, idle=run is None)
if run and writing is None:
    aloud(run)
box(conversation, run, suggestion)
