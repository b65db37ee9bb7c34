"""Other people's models as writers: any encoder-decoder or chat model in the format of transformers.

The reader stays ours. What its pooler kept of a document, as whole sentences in the document's order, is cut to the
writer's window, and the writer makes a summary of it in its own way. transformers is imported when one is loaded.
"""
