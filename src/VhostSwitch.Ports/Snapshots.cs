using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Packets;

namespace VhostSwitch.Ports;

/// <summary>Takes the snapshots of frames that lie in memory of the switch, where 16 bytes can be read even of a shorter frame.</summary>
internal static unsafe class Snapshots
{
    /// <summary>A frame's first 16 bytes, with zeros behind a shorter frame.</summary>
    /// <param name="data">Its first byte.</param>
    /// <param name="length">Its length in bytes.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Of(byte* data, uint length)
    {
        var snapshot = Vector128.Load(data);
        if (length >= Ethernet.SnapshotLength) return snapshot;
        // Bytes whose number is below the length stay.
        return snapshot & Vector128.LessThan(Vector128<byte>.Indices, Vector128.Create((byte)length));
    }
}
