using System.Globalization;

namespace VhostSwitch.Packets;

/// <summary>An Ethernet address: 48 bits, the first byte on the wire in the lowest 8, so that a frame's bytes load as one number.</summary>
/// <param name="Value">The 48 bits.</param>
public readonly record struct MacAddress(ulong Value)
{
    /// <summary>All 48 bits set.</summary>
    public static readonly MacAddress Broadcast = new(Mask);

    /// <summary>The bits of a number that are an address.</summary>
    public const ulong Mask = 0xffff_ffff_ffff;

    /// <summary>The group bit: broadcast and multicast addresses have it (IEEE 802.3, 3.2.3).</summary>
    public const ulong GroupBit = 1;

    /// <summary>True for broadcast and multicast addresses.</summary>
    public bool IsGroup => (Value & GroupBit) != 0;

    /// <summary>Reads an address as people write it: six hexadecimal bytes with colons.</summary>
    /// <param name="text">For example <c>00:01:02:03:04:05</c>.</param>
    /// <exception cref="FormatException">The text is no such address.</exception>
    public static MacAddress Parse(string text) =>
        TryParse(text, out var address) ? address : throw new FormatException($"'{text}' is no MAC address; write six bytes as in 00:01:02:03:04:05");

    /// <summary>Reads an address as people write it.</summary>
    /// <param name="text">For example <c>00:01:02:03:04:05</c>.</param>
    /// <param name="address">The address, where the text is one.</param>
    public static bool TryParse(string text, out MacAddress address)
    {
        address = default;
        string[] parts = text.Split(':');
        if (parts.Length != 6) return false;
        ulong value = 0;
        for (int i = 0; i < 6; i++)
        {
            if (parts[i].Length is 0 or > 2 || !byte.TryParse(parts[i], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte b)) return false;
            value |= (ulong)b << (8 * i);
        }
        address = new MacAddress(value);
        return true;
    }

    /// <summary>Six lower-case hexadecimal bytes with colons.</summary>
    public override string ToString() => string.Create(17, Value, static (chars, value) =>
    {
        for (int i = 0; i < 6; i++)
        {
            ((byte)(value >> (8 * i))).TryFormat(chars[(3 * i)..], out _, "x2", CultureInfo.InvariantCulture);
            if (i < 5) chars[(3 * i) + 2] = ':';
        }
    });
}
