"""One file for each ML problem. A package `usecases` in another folder of the Python path adds its own files."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
