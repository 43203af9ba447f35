using System.Numerics;

namespace VhostSwitch.Ports.NetRing;

/// <summary>The arguments of a device of <see cref="RingDriver"/>, checked.</summary>
/// <param name="Peer">The other device; null for a device that gives back what it takes.</param>
/// <param name="Capacity">Bytes for frames in each direction.</param>
internal sealed record RingOptions(string? Peer, uint Capacity)
{
    private const int Slot = 2048;
    private const int DefaultSize = 1024;
    private const int LeastSize = (int)FrameRing.LeastCapacity / Slot;

    // Half a gigabyte; positions are 64 bits wide and would allow more.
    private const int MostSize = 1 << 18;

    /// <summary>Reads the arguments.</summary>
    /// <exception cref="PortException">One does not fit.</exception>
    public static RingOptions Of(Vdev vdev)
    {
        int size = vdev.Number("size", DefaultSize, LeastSize, MostSize);
        uint next = BitOperations.RoundUpToPowerOf2((uint)size);
        if (size != next) throw vdev.Wrong($"size={size} was given, a power of two is needed, for example {next}");
        bool loop = vdev.Flag("loop", false);
        string? peer = vdev.Text("peer");
        if (loop && peer is not null) throw vdev.Wrong("loop=1 and peer exclude each other: a device has a peer or gives back itself what it takes");
        if (!loop && peer is null or "") throw vdev.Wrong("needs peer=NAME, another net_ring device, or loop=1");
        if (peer == vdev.Name) throw vdev.Wrong("is its own peer; loop=1 gives back what is sent to a device");
        return new RingOptions(peer, next * Slot);
    }
}
