"""Tables for the page of the bimodal density: one module per section of the page.

`_selection` names the fits that the page looks at; `facts` fills the slots of its sentences.
"""
