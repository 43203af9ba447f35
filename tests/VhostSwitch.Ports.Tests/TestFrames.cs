namespace VhostSwitch.Ports.Tests;

/// <summary>Frames that differ from each other in every part.</summary>
internal static class TestFrames
{
    /// <summary>A frame with a number in it.</summary>
    public static byte[] Numbered(int number, int length = 60)
    {
        byte[] frame = new byte[length];
        new Random(number).NextBytes(frame);
        BitConverter.TryWriteBytes(frame.AsSpan(Math.Max(0, length - sizeof(int))), number);
        // No group address: a bridge would do other things with it.
        frame[0] &= 0xfe;
        return frame;
    }

    /// <summary>So many of them, of lengths between the least and some full ones.</summary>
    public static byte[][] Many(int count) => [.. Enumerable.Range(0, count).Select(i => Numbered(i, 14 + (i * 37 % 1501)))];
}
