using System.Buffers.Binary;

namespace VhostSwitch.TestKit.Protocol;

/// <summary>A message that the back-end sent.</summary>
/// <param name="Request">The request it answers.</param>
/// <param name="Flags">Its flags.</param>
/// <param name="Payload">Its payload.</param>
public sealed record BackEndReply(uint Request, uint Flags, byte[] Payload)
{
    /// <summary>The payload as one number.</summary>
    public ulong Number => BinaryPrimitives.ReadUInt64LittleEndian(Payload);

    /// <summary>The second number of a ring state.</summary>
    public uint RingNumber => BinaryPrimitives.ReadUInt32LittleEndian(Payload.AsSpan(4));
}
