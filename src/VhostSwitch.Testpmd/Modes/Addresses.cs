using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Packets;

namespace VhostSwitch.Testpmd.Modes;

/// <summary>The two Ethernet addresses at the beginning of a frame.</summary>
internal static unsafe class Addresses
{
    // 0 to 5 is the destination, 6 to 11 the source.
    private static readonly Vector128<byte> Swap = Vector128.Create((byte)6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 12, 13, 14, 15);

    /// <summary>A snapshot with other addresses.</summary>
    /// <param name="snapshot">The first 16 bytes of a frame.</param>
    /// <param name="destination">Whom it is for.</param>
    /// <param name="source">Whom it is from.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Replace(Vector128<byte> snapshot, MacAddress destination, MacAddress source) => Vector128.Create(
        destination.Value | (source.Value << 48), (source.Value >> 16) | (snapshot.AsUInt64().GetElement(1) & 0xffff_ffff_0000_0000)).AsByte();

    /// <summary>A snapshot with its addresses exchanged.</summary>
    /// <param name="snapshot">The first 16 bytes of a frame.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Exchange(Vector128<byte> snapshot) => Vector128.Shuffle(snapshot, Swap);

    /// <summary>Writes the addresses of a frame.</summary>
    /// <param name="data">Its first byte; 16 bytes can be read and written there.</param>
    /// <param name="destination">Whom it is for.</param>
    /// <param name="source">Whom it is from.</param>
    public static void Write(byte* data, MacAddress destination, MacAddress source) =>
        Replace(Vector128.Load(data), destination, source).Store(data);

    /// <summary>Exchanges the addresses of a frame.</summary>
    /// <param name="data">Its first byte; 16 bytes can be read and written there.</param>
    public static void Exchange(byte* data) => Exchange(Vector128.Load(data)).Store(data);
}
