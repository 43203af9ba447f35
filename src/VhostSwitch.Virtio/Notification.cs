using System.Runtime.CompilerServices;

namespace VhostSwitch.Virtio;

/// <summary>The rule by which an event index asks for a notification (VIRTIO 1.2, 2.7.7.2 and 2.7.10).</summary>
public static class Notification
{
    /// <summary>True when the index has passed the event index since the last decision. All numbers are free-running modulo 65536.</summary>
    /// <param name="eventIndex">The entry the peer wants to hear of.</param>
    /// <param name="now">The index now: one past the newest entry.</param>
    /// <param name="before">The index at the last decision.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Passed(ushort eventIndex, ushort now, ushort before) =>
        (ushort)(now - eventIndex - 1) < (ushort)(now - before);
}
