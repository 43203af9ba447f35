using VhostSwitch.Vhost;
using VhostSwitch.Virtio;

namespace VhostSwitch.Ports.NetVhost;

/// <summary>The arguments of a device of <see cref="VhostDriver"/>, checked.</summary>
/// <param name="Path">The socket's path.</param>
/// <param name="IsClient">True where the front-end serves the socket.</param>
/// <param name="Offer">What the front-end is offered.</param>
/// <param name="MergesSegments">True to have TCP segments of one flow merged for a front-end that takes large ones.</param>
internal sealed record VhostOptions(string Path, bool IsClient, DeviceOptions Offer, bool MergesSegments)
{
    // DPDK's arguments for which there is nothing to switch here, and what to do in their place.
    private static readonly (string Key, string Reason)[] NotBuilt =
    [
        ("dequeue-zero-copy", "frames are copied once, from port to port; leave it out"),
        ("linear-buffer", "a frame in several pieces is lent as it lies; leave it out, or start the front-end without mergeable buffers"),
        ("ext-buffer", "there are no packet buffers, and large frames are lent as they lie; leave it out, tso=1 alone has large segments"),
        ("legacy-ol-flags", "it concerns packet buffers of DPDK; leave it out"),
    ];

    /// <summary>Reads the arguments.</summary>
    /// <exception cref="PortException">One does not fit.</exception>
    public static VhostOptions Of(Vdev vdev)
    {
        string path = vdev.Required("iface");
        foreach (var (key, reason) in NotBuilt)
        {
            if (vdev.Flag(key, false)) throw vdev.Wrong($"{key}=1 is not built: {reason}");
        }
        bool tso = vdev.Flag("tso", false);
        var features = DeviceOptions.BasicFeatures | DeviceOptions.ChecksumFeatures | Features.MrgRxbuf;
        if (tso) features |= DeviceOptions.SegmentationFeatures;
        if (!vdev.Flag("iommu-support", false)) features &= ~Features.AccessPlatform;
        var protocol = vdev.Flag("postcopy-support", false) ? DeviceOptions.PostcopyProtocolFeatures : DeviceOptions.BasicProtocolFeatures;
        int queues = vdev.Number("queues", 1, 1, DeviceOptions.MostQueuePairs);
        return new VhostOptions(path, vdev.Flag("client", false), new DeviceOptions(features, protocol, queues), tso);
    }
}
