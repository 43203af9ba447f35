using System.Buffers;
using System.Text;
using System.Text.Json;
using VhostSwitch.Control.Ovsdb;

namespace VhostSwitch.Control.Tests.Ovsdb;

public class OvsdbDatumTests
{
    [Theory]
    [InlineData("\"a\"", "\"a\"")]
    [InlineData("[\"set\",[\"a\"]]", "\"a\"")]
    [InlineData("[\"set\",[]]", "[\"set\",[]]")]
    [InlineData("[\"set\",[2,1]]", "[\"set\",[1,2]]")]
    [InlineData("[\"map\",[[\"b\",2],[\"a\",1]]]", "[\"map\",[[\"a\",1],[\"b\",2]]]")]
    [InlineData("[\"map\",[]]", "[\"map\",[]]")]
    [InlineData("-1", "-1")]
    [InlineData("1.5", "1.5")]
    [InlineData("true", "true")]
    [InlineData("[\"uuid\",\"00000000-0000-0000-0000-00000000000A\"]", "[\"uuid\",\"00000000-0000-0000-0000-00000000000a\"]")]
    public void IsWrittenInOneWay(string read, string written)
    {
        var datum = OvsdbDatum.Read(Tables.Json(read));
        Assert.Equal(written, Text(datum));
        Assert.Equal(datum, OvsdbDatum.Read(Tables.Json(written)));
    }

    [Fact]
    public void WhatTheSwitchWritesEqualsWhatTheDatabaseSendsBack()
    {
        foreach (var datum in (OvsdbDatum[])
            [
                OvsdbDatum.Of("two words"), OvsdbDatum.Of((string?)null), OvsdbDatum.Of(["b", "a"]), OvsdbDatum.Of(-1L), OvsdbDatum.Of(true),
                OvsdbDatum.Of(new Dictionary<string, string> { ["b"] = "\"", ["a"] = "ü" }), OvsdbDatum.Of(new Dictionary<string, long> { ["a"] = 1L << 40 }),
            ])
        {
            Assert.Equal(datum, OvsdbDatum.Read(Tables.Json(Text(datum))));
        }
    }

    [Fact]
    public void ANumberIsNoText() => Assert.NotEqual(OvsdbDatum.Of("1"), OvsdbDatum.Of(1L));

    [Fact]
    public void AnEmptyMapIsNoEmptySet() => Assert.NotEqual(OvsdbDatum.Empty, OvsdbDatum.Of(new Dictionary<string, string>()));

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("[\"set\",1]")]
    [InlineData("[\"map\",[[\"a\"]]]")]
    [InlineData("[\"uuid\",\"x\"]")]
    public void RefusesWhatIsNoValue(string json) => Assert.Throws<OvsdbException>(() => OvsdbDatum.Read(Tables.Json(json)));

    private static string Text(OvsdbDatum datum)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
            datum.Write(writer);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
