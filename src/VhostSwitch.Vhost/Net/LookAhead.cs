using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost.Net;

/// <summary>Behind an IOMMU an answer takes as long as thousands of frames: what will be needed next is asked for all at once.</summary>
internal static unsafe class LookAhead
{
    // Half of what a queue can note.
    private const int Chains = 32;

    /// <summary>Notes the first buffers of the chains that come next, where they are not known. They are looked at, not taken.</summary>
    /// <typeparam name="TRing">The ring's kind.</typeparam>
    /// <typeparam name="TSpace">The address space's kind.</typeparam>
    /// <param name="ring">The ring.</param>
    /// <param name="space">The address space.</param>
    /// <param name="from">How many of the available chains were looked at already.</param>
    /// <param name="write">True where the device will write the buffers.</param>
    internal static void Note<TRing, TSpace>(ref TRing ring, ref TSpace space, int from, bool write)
        where TRing : struct, IDeviceRing
        where TSpace : struct, IAddressSpace
    {
        int available = ring.Available(from + Chains);
        for (int i = from; i < available; i++)
        {
            if (ring.Peek(i, out var descriptor) < 0) break;
            _ = space.TranslateSome(descriptor.Address, descriptor.Length, write && (descriptor.Flags & Descriptor.Indirect) == 0, out _);
        }
        _ = space.TakeMiss();
    }
}
