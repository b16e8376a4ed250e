import{c as e,o as t}from"./bytes-B8kcw0qS.js";import"./head-Bg9ZNHe4.js";function n(n,r){if(n.coding.name===`none`)return[n.header,r];let i=[n.header],a=n.coding.width/4*3*1e3;for(let o=0;o<r.length;o+=a){let s=t(r.subarray(o,o+a)).match(RegExp(`.{1,${n.coding.width}}`,`g`))??[];i.push(e((o===0?``:`\r
`)+s.join(`\r
`)))}return[...i,e(n.coding.tail)]}export{n as t};