"""Class activation maps."""

from pellucid.methods.cam.eigen_cam import EigenCam
from pellucid.methods.cam.grad_cam import GradCam, GradCamPlusPlus, HiResCam, LayerCam, XGradCam
from pellucid.methods.cam.guided_grad_cam import GuidedGradCam
from pellucid.methods.cam.score_cam import ScoreCam

__all__ = [
    "EigenCam",
    "GradCam",
    "GradCamPlusPlus",
    "GuidedGradCam",
    "HiResCam",
    "LayerCam",
    "ScoreCam",
    "XGradCam",
]
