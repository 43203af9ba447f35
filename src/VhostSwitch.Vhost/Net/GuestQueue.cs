using VhostSwitch.Linux;
using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost.Net;

/// <summary>What the control thread asks a queue of a guest, whichever its direction and its ring's kind.</summary>
public interface IGuestQueue
{
    /// <summary>The ring this queue works on.</summary>
    int RingIndex { get; }

    /// <summary>How the driver broke the rules; <see cref="RingFault.None"/> while it has not.</summary>
    RingFault Fault { get; }

    /// <summary>The number that belongs to <see cref="Fault"/>.</summary>
    ulong FaultDetail { get; }

    /// <summary>Where the ring goes on, as GET_VRING_BASE answers it. Exact only when no poll thread uses the queue.</summary>
    uint Base { get; }

    /// <summary>True when base and used index disagreed at the start: the front-end had lost track.</summary>
    bool Resynchronised { get; }

    /// <summary>Exchanges where the guest is notified; -1 for nowhere.</summary>
    /// <param name="descriptor">The descriptor's number.</param>
    void SetCall(int descriptor);
}

/// <summary>What a queue of a guest needs to know of its device.</summary>
/// <param name="Features">The negotiated features.</param>
/// <param name="Memory">The guest's memory.</param>
/// <param name="RingIndex">The ring.</param>
/// <param name="Size">Its number of entries.</param>
/// <param name="Base">Where it goes on, as SET_VRING_BASE said.</param>
/// <param name="Call">Where to notify the guest; -1 for nowhere.</param>
/// <param name="Kick">Where the guest notifies us; -1 for nowhere.</param>
public readonly record struct GuestQueueSetup(Features Features, GuestMemory Memory, int RingIndex, int Size, uint Base, int Call, int Kick)
{
    /// <summary>The setup of a device's ring that may run.</summary>
    /// <param name="device">The device.</param>
    /// <param name="ring">The ring.</param>
    public static GuestQueueSetup Of(Device device, Vring ring) =>
        new(device.Features, device.Memory.Guest, ring.Index, ring.Size, ring.Base, ring.Call?.Number ?? -1, ring.Kick?.Number ?? -1);
}

/// <summary>A queue that can announce its guest to its neighbours (SEND_RARP).</summary>
public interface IAnnouncer
{
    /// <summary>Has the queue send, before its next frame, the broadcast by which neighbours learn where the guest is now.</summary>
    /// <param name="mac">The guest's address, first byte lowest.</param>
    void Announce(ulong mac);
}

/// <summary>What owners of guests' queues have in common.</summary>
public static class GuestQueues
{
    /// <summary>Takes a ring out of use whose driver broke the rules, and tells the front-end. Control thread.</summary>
    /// <param name="device">The device.</param>
    /// <param name="ring">The ring.</param>
    /// <param name="queue">Its queue.</param>
    /// <returns>One sentence for people; null where the ring is sound.</returns>
    public static string? BreakIfFaulty(Device device, Vring ring, IGuestQueue queue)
    {
        // Memory is looked at after the fault: zeros that were never the driver's broke the ring, and the session is about to end for it.
        if (queue.Fault == RingFault.None || device.LostMemory) return null;
        string reason = $"ring {ring.Index}: {RingFaults.Describe(queue.Fault, queue.FaultDetail, ring.Size)}";
        device.BreakRing(ring, reason);
        if (ring.Error is { } error) EventFd.SignalPeer(error.Number);
        return $"broken: {reason}; the ring stays out of use until the driver sets it up anew";
    }
}
