"""A backend of matplotlib's in a pod without IPython: open figures are shown in the caller's cell and closed. It is
`_pod.figures` there."""
from matplotlib._pylab_helpers import Gcf
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas
from matplotlib.backend_bases import FigureManagerBase as FigureManager

from .cells import show_figure
from .streams import Stream

__all__ = ["FigureCanvas", "FigureManager", "show"]

def show(*args, **kwargs):
    for manager in Gcf.get_all_fig_managers():
        show_figure(Stream.talk, manager.canvas.figure)
        Gcf.destroy(manager.num)
