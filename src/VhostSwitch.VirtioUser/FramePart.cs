namespace VhostSwitch.VirtioUser;

/// <summary>
/// A frame, or a part of one, in a buffer of the port's own memory. A frame in several buffers is as many parts in a row; all
/// but the last have <see cref="More"/>.
/// </summary>
public unsafe struct FramePart
{
    /// <summary>The first byte of the frame or part, behind the network header.</summary>
    public byte* Data;

    /// <summary>Received: how many bytes there are. Lent for sending: how many fit; set it to how many are sent.</summary>
    public int Length;

    /// <summary>The buffer's number; the port's, not to be changed.</summary>
    public ushort Buffer;

    /// <summary>True when the next part belongs to the same frame.</summary>
    public bool More;
}
