namespace VhostSwitch.Fuzz;

/// <summary>Makes new inputs of old ones.</summary>
internal sealed class Mutator(int seed)
{
    /// <summary>The longest input in bytes. Short ones are easier to understand, and enough for rings of 16 entries.</summary>
    public const int MostBytes = 384;

    private static readonly byte[] Edges = [0, 1, 2, 0x0f, 0x10, 0x7f, 0x80, 0xfe, 0xff];

    private readonly Random _random = new(seed);

    /// <summary>One of many.</summary>
    public byte[] Pick(IReadOnlyList<byte[]> inputs) => inputs[_random.Next(inputs.Count)];

    /// <summary>An input like another one.</summary>
    /// <param name="input">What to start from.</param>
    /// <param name="corpus">Where parts may come from.</param>
    public byte[] Mutate(byte[] input, IReadOnlyList<byte[]> corpus)
    {
        var bytes = new List<byte>(input);
        for (int times = 1 << _random.Next(5); times > 0; times--)
            Change(bytes, corpus);
        if (bytes.Count > MostBytes) bytes.RemoveRange(MostBytes, bytes.Count - MostBytes);
        return [.. bytes];
    }

    private void Change(List<byte> bytes, IReadOnlyList<byte[]> corpus)
    {
        if (bytes.Count == 0)
        {
            bytes.Add((byte)_random.Next(256));
            return;
        }
        int at = _random.Next(bytes.Count);
        int count = Math.Min(1 + _random.Next(12), bytes.Count - at);
        switch (_random.Next(9))
        {
            case 0: bytes[at] ^= (byte)(1 << _random.Next(8)); break;
            case 1: bytes[at] = (byte)_random.Next(256); break;
            case 2: bytes[at] = Edges[_random.Next(Edges.Length)]; break;
            case 3: bytes[at] = (byte)(bytes[at] + _random.Next(-4, 5)); break;
            case 4: bytes.RemoveRange(at, count); break;
            case 5: bytes.InsertRange(at, bytes.GetRange(_random.Next(bytes.Count - count + 1), count)); break;
            case 6:
                for (int i = 0; i < count; i++)
                    bytes.Insert(at, (byte)_random.Next(256));
                break;
            case 7:
                var other = Pick(corpus);
                if (other.Length == 0) break;
                int from = _random.Next(other.Length);
                bytes.InsertRange(at, other.AsSpan(from, Math.Min(other.Length - from, 1 + _random.Next(48))).ToArray());
                break;
            default:
                var tail = Pick(corpus);
                int cut = Math.Min(at, tail.Length);
                bytes.RemoveRange(at, bytes.Count - at);
                bytes.AddRange(tail[cut..]);
                break;
        }
    }
}
