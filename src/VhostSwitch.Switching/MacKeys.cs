using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace VhostSwitch.Switching;

/// <summary>The keys of a frame's two addresses in a <see cref="MacTable"/>, as they lie in its header: 16 bytes.</summary>
internal struct MacKeys
{
    /// <summary>Of the address it goes to.</summary>
    public ulong Destination;

    /// <summary>Of the address it is from.</summary>
    public ulong Source;

    private const byte Nothing = 0x80;

    private static Vector128<byte> Places =>
        Vector128.Create(0, 1, 2, 3, 4, 5, Nothing, Nothing, 6, 7, 8, 9, 10, 11, Nothing, Nothing);

    /// <summary>Keys that no frame has.</summary>
    public static MacKeys None => new() { Destination = MacTable.NoKey, Source = MacTable.NoKey };

    /// <summary>Writes both keys at once.</summary>
    /// <param name="header">A frame's first bytes.</param>
    /// <param name="vlan">Its VLAN id.</param>
    /// <param name="to">Where they go.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Write(Vector128<byte> header, ushort vlan, MacKeys* to) =>
        (Vector128.Shuffle(header, Places).AsUInt64() | Vector128.Create(MacTable.Key(0, vlan))).Store((ulong*)to);
}
