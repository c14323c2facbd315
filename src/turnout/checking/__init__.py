"""Does a request keep to what an app's OpenAPI document says? Pure: a document and a request in, violations out.

Law: nothing here fetches anything, whatever a document refers to; every regular expression is bounded; and what cannot
be decided is a violation or an error, never a yes. How long a whole check may take is for the process to bound that
runs it (`trial`, and the gateway's sentinel). `spec.Spec` is the door.
"""
