using System.Buffers.Binary;

namespace VhostSwitch.Packets;

/// <summary>The broadcast by which bridges learn where an address is now: a reverse ARP request for itself (RFC 903), as front-ends ask for after a migration.</summary>
public static class ReverseArp
{
    /// <summary>Length of the frame in bytes: the shortest one of Ethernet, without checksum.</summary>
    public const int Length = 64;

    /// <summary>Writes the frame.</summary>
    /// <param name="into">At least <see cref="Length"/> bytes.</param>
    /// <param name="mac">The address that has moved.</param>
    /// <returns><see cref="Length"/>.</returns>
    public static int Write(Span<byte> into, MacAddress mac)
    {
        const int SourceOffset = 6, TypeOffset = 12, SenderOffset = 22, TargetOffset = 32;
        // Hardware Ethernet, protocol IPv4, their address lengths, and the operation "request reverse".
        ReadOnlySpan<byte> typeAndArp = [0x80, 0x35, 0, 1, 0x08, 0x00, 6, 4, 0, 3];
        into[..Length].Clear();
        Put(into, 0, MacAddress.Broadcast);
        Put(into, SourceOffset, mac);
        typeAndArp.CopyTo(into[TypeOffset..]);
        Put(into, SenderOffset, mac);
        Put(into, TargetOffset, mac);
        return Length;
    }

    private static void Put(Span<byte> into, int offset, MacAddress mac)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(into[offset..], (uint)mac.Value);
        BinaryPrimitives.WriteUInt16LittleEndian(into[(offset + 4)..], (ushort)(mac.Value >> 32));
    }
}
